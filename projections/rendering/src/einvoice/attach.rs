//! The CII goes into a PDF as an update behind its last byte. What the update says depends on the end of the PDF alone:
//! its metadata, its catalog, and the table that says where every object is.
//!
//! The crate that writes the update parses every object of the PDF four times for it. So it gets a PDF as long as the
//! true one in which the pages are blank. What it appends there, and reads back there, it would have appended to the
//! true one: its bytes and its places are the same.

use en16931::{Validated, profiles::En16931};
use en16931_formats::zugferd::{EmbedError, EmbedOptions, embed};

/// A line of the table of places, as in `0000000015 00000 n`, with its end.
const PLACE_BYTES: usize = 20;
/// Where such a line says whether the object is there.
const IS_THERE: usize = 17;

/// The PDF with the CII in it.
pub(super) fn attach(pdf: &[u8], proof: &Validated<En16931>, options: &EmbedOptions) -> Result<Vec<u8>, EmbedError> {
    let Some(blank) = blank(pdf) else { return embed(pdf, proof, options) };
    let mut attached = embed(&blank, proof, options)?;
    match attached.get_mut(..pdf.len()) {
        // It appends, and changes nothing before.
        Some(pages) if *pages == *blank => pages.copy_from_slice(pdf),
        Some(_) | None => return embed(pdf, proof, options),
    }
    Ok(attached)
}

/// The same PDF without its pages. `None` unless it is as the typesetter writes most of them: one table of places, and
/// a catalog that names no files. Any other is read whole.
fn blank(pdf: &[u8]) -> Option<Vec<u8>> {
    let table = after_last(pdf, b"startxref\n").and_then(|at| number(pdf, at))?;
    let count = number(pdf, table.checked_add(b"xref\n0 ".len())?)?;
    let places = table.checked_add(format!("xref\n0 {count}\n").len())?;
    let trailer = count.checked_mul(PLACE_BYTES)?.checked_add(places)?;
    let has_one_table = pdf.get(table..places)? == format!("xref\n0 {count}\n").as_bytes()
        && pdf.get(trailer..)?.starts_with(b"trailer\n");
    let place = |object: usize| {
        let line = object.checked_mul(PLACE_BYTES)?.checked_add(places)?;
        let at = number(pdf, line)?;
        let is_it = object < count && pdf.get(at..table)?.starts_with(format!("{object} 0 obj\n").as_bytes());
        is_it.then_some(at)
    };
    let root = reference(pdf.get(trailer..)?, b"/Root ")?;
    let info = reference(pdf.get(trailer..)?, b"/Info ")?;
    let catalog = pdf.get(place(root)?..table)?;
    let catalog = catalog.get(..first(catalog, b"endobj")?)?;
    let metadata = reference(catalog, b"/Metadata ")?;
    if !has_one_table || [b"/AF".as_slice(), b"/Names"].iter().any(|name| first(catalog, name).is_some()) {
        return None;
    }
    let needed = [root, info, metadata];
    let begin = needed.iter().map(|object| place(*object)).collect::<Option<Vec<_>>>()?.into_iter().min()?;
    // The line with the version, and the one that says that the file is no text.
    let head = pdf.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(1)?.0.min(begin);
    let mut blank = vec![b' '; pdf.len()];
    blank.get_mut(..=head)?.copy_from_slice(pdf.get(..=head)?);
    blank.get_mut(begin..)?.copy_from_slice(pdf.get(begin..)?);
    for object in (0..count).filter(|object| !needed.contains(object)) {
        *blank.get_mut(places + object * PLACE_BYTES + IS_THERE)? = b'f';
    }
    Some(blank)
}

/// The decimal number that begins at a place.
fn number(pdf: &[u8], at: usize) -> Option<usize> {
    let digits = pdf.get(at..)?.iter().take(PLACE_BYTES).take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(pdf.get(at..at.checked_add(digits)?)?).ok()?.parse().ok()
}

/// The object that a name of a dictionary refers to, as in `/Root 12 0 R`.
fn reference(text: &[u8], name: &[u8]) -> Option<usize> {
    let at = first(text, name)?.checked_add(name.len())?;
    let object = number(text, at)?;
    text.get(at..)?.starts_with(format!("{object} 0 R").as_bytes()).then_some(object)
}

fn first(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

fn after_last(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).rposition(|window| window == what)?.checked_add(what.len())
}

#[cfg(test)]
mod tests;
