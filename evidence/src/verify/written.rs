//! Bases as the verifier would write them, for made-up evidence.

use super::basis::Basis;

/// The one form of a basis.
///
/// # Panics
/// If it is none.
pub(crate) fn basis(text: &str) -> Vec<u8> {
    serde_json::from_str::<Basis>(text).expect("it was written as a basis").text()
}
