//! An issued document as it is kept in the archive, compared with the catalog's digests before it is used.

use clicktrail_catalog::invoicing::{Artefact, Document as Issued};
use clicktrail_invoices::document::Document;
use clicktrail_log::archive::{self, Archive, keys::invoices::Form, manifest};

use crate::error::Error;

/// A document as it was issued: its canonical JSON, compared with the catalog's digests.
///
/// # Errors
/// That it is missing or damaged, by name; archive out of reach.
pub async fn document(archive: &Archive, issued: &Issued, artefacts: &[Artefact]) -> Result<Document, Error> {
    let json = artefacts.iter().find(|artefact| artefact.format == Form::Json.as_str());
    let json = json.ok_or_else(|| Error::Incomplete(format!("{} was issued without its JSON", issued.number)))?;
    let bytes = archive.get_file(&file(json)).await?;
    let found = Document::from_canonical(&bytes)?;
    let is_it = found.digest().to_string() == issued.digest
        && (found.series.as_str(), found.number) == (issued.number.series.as_str(), issued.number.number);
    match is_it {
        true => Ok(found),
        false => {
            let reason = format!("it is not the document that was issued as {}", issued.number);
            Err(archive::Error::Damaged { key: json.key.clone(), reason }.into())
        }
    }
}

/// A stored form as a file that is checked when it is read.
pub fn file(artefact: &Artefact) -> manifest::File {
    manifest::File { key: artefact.key.clone(), bytes: artefact.bytes, sha256: artefact.digest.clone() }
}
