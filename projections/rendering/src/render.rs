//! A document becomes files: a PDF for people, XML for machines.

use std::fmt;

use clicktrail_invoices::Document;

use crate::{einvoice, error::Error, fonts::Fonts, language, paper::paper, template::Template};

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

/// A document's files. The same document, template and fonts give the same bytes.
#[derive(Clone)]
pub struct Rendered {
    /// PDF/A-3b. With the CII in it, it is Factur-X, profile EN 16931.
    pub pdf: Vec<u8>,
    /// UBL 2.1 by EN 16931; `None` where it cannot be, and a remark says why.
    pub ubl: Option<Vec<u8>>,
    /// CII by EN 16931: the very bytes that are in the PDF.
    pub cii: Option<Vec<u8>>,
    /// What a person should know of these files.
    pub remarks: Vec<String>,
}

/// Renders a document.
///
/// # Errors
/// [`Error::Rules`] names the rules of EN 16931 that it breaks; [`Error::Template`], [`Error::TooSlow`] and
/// [`Error::TooManyPages`] are the template's; [`Error::Document`] says what the document holds that nobody can bill.
pub fn render(document: &Document, template: &Template, fonts: &Fonts) -> Result<Rendered, Error> {
    let mut remarks: Vec<String> = einvoice::unfit(document).into_iter().collect();
    let xml = match remarks.is_empty() {
        true => Some(einvoice::write(document)?),
        false => None,
    };
    let (pdf, unknown) = paper(document, template.source(), fonts)?;
    remarks.extend(unknown);
    let title = language::words(document.draft.terms.language).title(document.draft.kind);
    let pdf = match &xml {
        Some(xml) => einvoice::embed(&pdf, xml, document, title)?,
        None => pdf,
    };
    let (ubl, cii) = xml.map(|xml| (xml.ubl, xml.cii)).unzip();
    Ok(Rendered { pdf, ubl, cii, remarks })
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

impl fmt::Debug for Rendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = |file: &Option<Vec<u8>>| file.as_ref().map(Vec::len);
        f.debug_struct("Rendered")
            .field("pdf", &self.pdf.len())
            .field("ubl", &bytes(&self.ubl))
            .field("cii", &bytes(&self.cii))
            .field("remarks", &self.remarks)
            .finish()
    }
}

#[cfg(test)]
mod tests;
