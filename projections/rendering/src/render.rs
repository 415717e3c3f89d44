//! A document becomes files: a PDF for people, XML for machines.

use clicktrail_invoices::Document;

use crate::{
    einvoice,
    error::Error,
    files::{Rendered, files},
    fonts::Fonts,
    template::Template,
};

/// What sets pages and writes XML, with its versions: documents pin it. The layout's version counts what is ours: the
/// words, the numbers' forms, the fonts that are shipped, the mapping to EN 16931.
pub const RENDERER: &str = "typst 0.15.1, en16931 0.8.0, layout 2";

/// [`RENDERER`], and what tells added fonts from others.
pub fn renderer(fonts: &Fonts) -> String {
    match fonts.added() {
        Some(digest) => format!("{RENDERER}, fonts {digest}"),
        None => RENDERER.to_owned(),
    }
}

/// Renders a document.
///
/// # Errors
/// [`Error::Rules`] names the rules of EN 16931 that it breaks; [`Error::Template`], [`Error::TooSlow`] and
/// [`Error::TooManyPages`] are the template's; [`Error::Document`] says what the document holds that nobody can bill.
pub fn render(document: &Document, template: &Template, fonts: &Fonts) -> Result<Rendered, Error> {
    files(document, template.source(), fonts)
}

/// Checks a document by the rules of EN 16931, in a thirtieth of the time that rendering takes: for drafts, which get a
/// number for that.
///
/// # Errors
/// [`Error::Rules`] names the rules that it breaks, [`Error::Document`] what nobody can bill.
pub fn check(document: &Document) -> Result<(), Error> {
    match einvoice::unfit(document) {
        Some(_) => Ok(()),
        None => einvoice::write(document).map(drop),
    }
}

#[cfg(test)]
mod tests;
