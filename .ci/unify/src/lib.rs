//! Turns features on, and holds no code: see this crate's `Cargo.toml`.
