//! What a projection is: its SQL, its output's columns, and the digest that names its code.
//!
//! There are three kinds. The built-in [`counters`](crate::counters) has a way of its own through a sealed hour; a
//! candidate is other SQL for the same columns, tried before it is released; and a user's comes from a file of SQL with
//! a few lines of TOML. All of them have a key with a time column, and measures that can be added up: that is what lets
//! an hour be counted by itself, and an event that comes late be counted in another segment.
//!
//! - `definition` is the value; `load` makes one of SQL, which [`lint`](crate::lint) has looked at, and `file` reads
//!   the TOML;
//! - `stored` is a projection as one text, for plans and generations;
//! - `run` gives its rows, which `ordered` checks one by one; [`query`] answers people's questions from them.

mod definition;
mod file;
mod load;
mod ordered;
pub mod query;
mod run;
mod stored;
#[cfg(test)]
mod tests;

pub use definition::{Kind, Measure, Projection, Rows};
