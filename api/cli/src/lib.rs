//! The `clicktrail` command: one file per subcommand. Results go to stdout, all else to stderr.
//!
//! `command` parses and dispatches, `global` is what every command takes, `exit` how it ends; `installation` opens
//! logs, archive and catalog, wherever they are, and `reading` opens them without changing any of it; `signing` reads
//! keys; `output` and `progress` are all that prints.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests wait, measure and take seeds"))]

mod accounts;
mod ads;
mod audit;
mod basis;
mod behind;
mod catalog;
mod clocks;
mod command;
mod config;
mod correction;
mod counters;
#[cfg(test)]
mod damaged;
mod demo;
mod doctor;
mod evidence;
mod exit;
mod global;
mod import;
mod installation;
mod interrupt;
mod invoice;
mod log;
mod made_up;
mod methodology;
mod output;
mod period;
mod personal;
mod progress;
mod projections;
mod reading;
mod reconcile;
mod recount;
mod rejected;
mod replay;
mod retention;
mod schema;
mod scratch;
mod serve;
mod signing;
mod simulate;
mod tiers;
mod verdicts;
mod witness;

pub use command::main;
