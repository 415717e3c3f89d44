//! room

pub mod capture;
pub mod import;
pub mod simulate;
