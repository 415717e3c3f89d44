//! The PDF of a document, whatever its names are.
//!
//! A character that some font has may still have no sign beside another: the pages are set again, and show by its code
//! what could not be set.

use clicktrail_invoices::Document;
use typst::syntax::Source;

use crate::{
    compose,
    error::Error,
    fonts::Fonts,
    shown::Shown,
    typeset::{self, Outcome, Page},
};

/// The PDF alone, and a remark on characters that no font has.
pub(crate) fn paper(document: &Document, template: &Source, fonts: &Fonts) -> Result<(Vec<u8>, Option<String>), Error> {
    let mut shown = Shown::new(fonts);
    loop {
        let sheet = compose::sheet(document, &mut shown, fonts.families())?;
        let page = Page {
            json: sheet.json(),
            rows: sheet.lines.len(),
            patience: typeset::patience(sheet.lines.len()),
            date: document.issued_on,
            ident: document.digest().to_string(),
        };
        match typeset::pdf(template, &page, fonts)? {
            Outcome::Pdf(pdf) => return Ok((pdf, remark(&shown))),
            Outcome::Unshown(text) if shown.refuse(text.clone()) => {}
            Outcome::Unshown(text) => {
                let problem = format!("it sets {text:?} in a font that has no sign for it: name more fonts");
                return Err(Error::Template { line: None, problem });
            }
        }
    }
}

fn remark(shown: &Shown<'_>) -> Option<String> {
    let unknown = shown.unknown();
    let codes: Vec<String> = unknown.iter().map(|c| format!("U+{:04X}", u32::from(*c))).collect();
    (!codes.is_empty())
        .then(|| format!("the PDF shows by its code what no font has, so add a font: {}", codes.join(", ")))
}
