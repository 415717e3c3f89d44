//! Signed notes as C2SP `signed-note` has them: a text, and under it lines of signatures by named keys.
//!
//! - [`Note`] is a note as it stands in a file; [`Note::verify`] says which known keys signed it;
//! - [`VerifierKey`] is what others are given, [`SigningKey`] what stays secret; both are one line of text;
//! - a `cosignature` is what a witness signs: the same text under the time at which it saw it.
//!
//! The formats are written to the byte, so any program that knows them reads ours.

mod cosignature;
mod error;
mod key;
mod kind;
mod name;
mod secret;
mod signature;
#[cfg(test)]
mod tests;
mod text;

pub use self::{
    error::{KeyError, NoteError},
    key::VerifierKey,
    kind::Kind,
    name::{KeyId, is_name},
    secret::SigningKey,
    signature::Signature,
    text::{Note, Signed},
};
