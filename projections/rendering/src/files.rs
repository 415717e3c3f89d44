//! The files of a document, by a text in typst's language that may be wrong.

use std::fmt;

use clicktrail_invoices::Document;
use typst::syntax::Source;

use crate::{einvoice, error::Error, fonts::Fonts, language, paper::paper};

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

/// Makes them.
///
/// # Errors
/// As [`render`](crate::render::render).
pub(crate) fn files(document: &Document, template: &Source, fonts: &Fonts) -> Result<Rendered, Error> {
    let mut remarks: Vec<String> = einvoice::unfit(document).into_iter().collect();
    let xml = match remarks.is_empty() {
        true => Some(einvoice::write(document)?),
        false => None,
    };
    let (pdf, unknown) = paper(document, template, fonts)?;
    remarks.extend(unknown);
    let title = language::words(document.draft.terms.language).title(document.draft.kind);
    let pdf = match &xml {
        Some(xml) => einvoice::embed(&pdf, xml, document, title)?,
        None => pdf,
    };
    let (ubl, cii) = xml.map(|xml| (xml.ubl, xml.cii)).unzip();
    Ok(Rendered { pdf, ubl, cii, remarks })
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
