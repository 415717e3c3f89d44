//! The archive of what was issued: one file a part, sorted by series and number. The manifests list the first and the
//! last document of each part.

mod kind;
mod layout;
mod part;
mod read_back;
#[cfg(test)]
mod tests;

pub use kind::Invoices;
pub use part::{Manifest, Named, Part};
