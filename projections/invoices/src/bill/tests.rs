#![allow(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]

mod notes;
mod steps;
mod wide;
