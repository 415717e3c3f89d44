//! A projection's output for one hour, as bytes. The same rows give the same bytes, however they were batched.
//!
//! The pages are made here, every column as a dictionary and codes, because the texts come as dictionaries and the
//! numbers are mostly small: `rle` and `chunk` know Parquet's pages, `dictionary`, `column` and `codes` how rows become
//! codes.
//! Heads, footer and statistics are parquet-rs's. `writer` puts the file together.

mod chunk;
mod codes;
mod column;
mod dictionary;
mod rle;
mod statistics;
mod writer;

pub(crate) use writer::CREATED_BY;
pub use writer::Writer;
