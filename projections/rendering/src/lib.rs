//! Issued documents as paper and XML.
//!
//! Everything is derived from a [`Document`](clicktrail_invoices::Document), which is the truth. There is no clock,
//! file or network here: the same document, template and fonts give the same bytes, which are stored and never made
//! again to be shown.
//!
//! A tour:
//! - [`render`](mod@render) makes the files of a document: [`RENDERER`] is what documents pin;
//! - `rows` are the lines that are shown, `compose` says all of it in the document's `language`, and `shown` makes
//!   names fit for paper; what comes out is the `sheet`;
//! - [`template`] lays a sheet out, in [`fonts`] that are shipped or the operator's; `typeset` runs it, bounded, and
//!   `paper` brings the PDF out of it;
//! - `einvoice` is the same as UBL and CII, checked by the rules of EN 16931, and puts the CII into the PDF;
//! - [`error`] is why there is none.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests measure, start processes and threads"))]

mod compose;
mod einvoice;
pub mod error;
mod files;
pub mod fonts;
mod language;
mod paper;
pub mod render;
mod rows;
mod sample;
mod sheet;
mod shown;
pub mod template;
mod typeset;

pub use error::{Error, Finding};
pub use files::Rendered;
pub use fonts::Fonts;
pub use render::{RENDERER, check, render, renderer};
pub use template::Template;
