//! Detectors: state machines over events in log order, each with the rules of a ruleset that use it.
//!
//! A detector sees every row once, in log order, and says which rules fire for it, from what it saw before. Two limits
//! keep that the same wherever a fold begins and however rows come in batches:
//!
//! - it uses an earlier event only if that event was logged within the look-back before the present one
//!   ([`view::View::is_visible`]) and lies in the rule's window of event time;
//! - it forgets only what no later event can see ([`state::State::forget`]).
//!
//! What an event shows by itself is looked at first ([`stateless`]). An event that is invalid by that alone, as a
//! declared robot is, is *set aside*: it is judged like all others, but what it did is held against no other event,
//! unless the rule is about an address as such ([`address_rate`], [`click_farm`]).
//!
//! State takes five forms: [`bucket_lists`] (an index over millions of records), [`firsts`] (the first event of a key),
//! [`trail`] (the nearest earlier one), [`timeline`] (counts in a window) and [`frames`] (when and where events were
//! logged). There is one file for each detector; rules that ask the same state share a file.

mod address_rate;
mod agent;
mod assemble;
mod bucket_lists;
mod click_farm;
mod click_injection;
mod datacentre;
mod double_click;
pub(crate) mod duplicate;
mod farm_list;
mod firsts;
pub(crate) mod frames;
mod hashed;
pub(crate) mod hits;
mod impossible_click;
mod impossible_travel;
pub(crate) mod originals;
pub(crate) mod rows;
pub(crate) mod state;
pub(crate) mod stateless;
mod timeline;
mod trail;
pub(crate) mod view;

pub(crate) use assemble::{assemble, assemble_stateless};
