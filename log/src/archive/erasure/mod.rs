//! Requests to erase somebody, and how they are done.
//!
//! - [`person`] is who is to go, `pieces` the texts of a row among which that is looked for;
//! - [`request`] is what is stored until it is done: a digest with a key of its own, never the value;
//! - `choosing` says which rows requests are about, [`apply`] goes through the sealed hours of clicks,
//!   [`apply_rejected`] through those of rejected events.
//!
//! A request is about what was captured before it. What is not sealed yet is erased right after it is: until then the
//! log holds it. A row in which the value is found loses everything about people, not only the value.

pub mod apply;
pub mod apply_rejected;
mod choosing;
pub mod person;
mod pieces;
pub mod request;

pub use choosing::{chooses, chooses_rejected};
pub use person::{Kind, Person};
pub use request::Request;

#[cfg(test)]
mod tests;
