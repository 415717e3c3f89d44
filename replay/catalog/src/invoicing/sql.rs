//! The operations of invoicing, and their SQL.
//!
//! - `accounts` are terms and what the seller says of itself, `periods` freezes instants;
//! - `drafts` decides what is a new revision, `states` approves them and throws them away, `revisions` are their rows;
//! - `numbering` decides what may be issued, `issue` does it, `documents` reads what was issued, and `restore` brings
//!   it back;
//! - `disputes` is what customers contest, and `damage` what contradicts or is damaged.

pub(crate) mod accounts;
pub(crate) mod damage;
pub(crate) mod disputes;
pub(crate) mod documents;
pub(crate) mod drafts;
pub(crate) mod issue;
mod numbering;
pub(crate) mod periods;
pub(crate) mod restore;
pub(crate) mod revisions;
pub(crate) mod states;
pub(crate) mod trail;
