//! The record that a document was issued, as it is stored. Version 1.
//!
//! To add a version: raise [`VERSION`], keep the old structs, and convert in memory once the number was read. The
//! fixture of the old version stays beside the new one.

use clicktrail_catalog::invoicing::{
    AccountPeriod, Artefact, Document, DocumentNumber, DocumentRecord, DraftRevision, Facts, Kind, Original,
};
use clicktrail_log::{frame::Digest, time::Timestamp};
use serde::{Deserialize, Serialize};

/// The version that this program writes.
pub const VERSION: u32 = 1;

/// What the catalog decided. The order of the fields is their order in the record: frozen with version 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    version: u32,
    series: String,
    number: u32,
    kind: String,
    period: String,
    zone: String,
    advertiser_id: String,
    currency: String,
    serial: u32,
    original: Option<StoredOriginal>,
    draft: String,
    revision: u32,
    terms_version: u32,
    /// As text: sums of money have more than 64 bits.
    total_minor: String,
    lines: u64,
    inputs: String,
    basis: String,
    issued_on: String,
    due_on: String,
    issued_at_micros: i64,
    issued_by: String,
    /// SHA-256 of the canonical JSON, hexadecimal.
    document: String,
    artefacts: Vec<StoredArtefact>,
    /// SHA-256 of the record with this field empty, hexadecimal.
    checksum: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredOriginal {
    series: String,
    number: u32,
    reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredArtefact {
    format: String,
    key: String,
    bytes: u64,
    sha256: String,
}

/// Why an object is not the record of a document.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not JSON of the known fields.
    #[error("the record is not readable")]
    Malformed(#[from] serde_json::Error),
    /// A later version of this program wrote it.
    #[error("version {0} is not known here; the newest is {VERSION}")]
    UnknownVersion(u32),
    /// It was changed, or says what cannot be.
    #[error("{0}")]
    Contradiction(String),
}

/// The record of a document: indented JSON in the order of the fields, with a final newline. Where its entry stands in
/// the log is no part of it, because the record comes first.
pub fn to_bytes(record: &DocumentRecord) -> Vec<u8> {
    let DocumentRecord { document, artefacts } = record;
    let Document { number, draft, serial, facts, issued_on, due_on, digest, issued_at, issued_by, logged: _ } =
        document;
    let AccountPeriod { period, advertiser_id, currency } = facts.about.clone();
    let original = facts.original.as_ref().map(|original| StoredOriginal {
        series: original.document.series.clone(),
        number: original.document.number,
        reason: original.reason.clone(),
    });
    let stored = artefacts.iter().map(|artefact| StoredArtefact {
        format: artefact.format.clone(),
        key: artefact.key.clone(),
        bytes: artefact.bytes,
        sha256: artefact.digest.clone(),
    });
    let record = Record {
        version: VERSION,
        series: number.series.clone(),
        number: number.number,
        kind: facts.kind.as_str().to_owned(),
        period,
        zone: facts.zone.clone(),
        advertiser_id,
        currency,
        serial: *serial,
        original,
        draft: draft.id.clone(),
        revision: draft.revision,
        terms_version: facts.terms_version,
        total_minor: facts.total_minor.to_string(),
        lines: facts.lines,
        inputs: facts.inputs.clone(),
        basis: facts.basis.clone(),
        issued_on: issued_on.clone(),
        due_on: due_on.clone(),
        issued_at_micros: issued_at.micros(),
        issued_by: issued_by.clone(),
        document: digest.clone(),
        artefacts: stored.collect(),
        checksum: String::new(),
    };
    let checksum = Digest::of(&canonical(&record)).to_string();
    canonical(&Record { checksum, ..record })
}

fn canonical(record: &Record) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(record).expect("a record holds only text, integers and lists");
    bytes.push(b'\n');
    bytes
}

/// Reads a record.
///
/// # Errors
/// See [`Error`].
pub fn from_bytes(bytes: &[u8]) -> Result<DocumentRecord, Error> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let Version { version } = serde_json::from_slice(bytes)?;
    if version != VERSION {
        return Err(Error::UnknownVersion(version));
    }
    let record: Record = serde_json::from_slice(bytes)?;
    let unsigned = Record { checksum: String::new(), ..record.clone() };
    if Digest::of(&canonical(&unsigned)).to_string() != record.checksum || canonical(&record) != bytes {
        return Err(Error::Contradiction("its checksum is another: it was edited or damaged".to_owned()));
    }
    read(record).map_err(|what| Error::Contradiction(format!("it has {what}")))
}

fn read(record: Record) -> Result<DocumentRecord, String> {
    let kind = Kind::parse(&record.kind).ok_or_else(|| format!("the kind {:?}", record.kind))?;
    let total_minor = record.total_minor.parse().map_err(|_| format!("the total {:?}", record.total_minor))?;
    let original = record.original.map(|original| Original {
        document: DocumentNumber { series: original.series, number: original.number },
        reason: original.reason,
    });
    let artefacts = record.artefacts.into_iter().map(|stored| Artefact {
        format: stored.format,
        key: stored.key,
        digest: stored.sha256,
        bytes: stored.bytes,
    });
    let about = AccountPeriod { period: record.period, advertiser_id: record.advertiser_id, currency: record.currency };
    let facts = Facts {
        about,
        zone: record.zone,
        kind,
        original,
        terms_version: record.terms_version,
        total_minor,
        lines: record.lines,
        inputs: record.inputs,
        basis: record.basis,
    };
    let document = Document {
        number: DocumentNumber { series: record.series, number: record.number },
        draft: DraftRevision { id: record.draft, revision: record.revision },
        serial: record.serial,
        facts,
        issued_on: record.issued_on,
        due_on: record.due_on,
        digest: record.document,
        issued_at: Timestamp::from_micros(record.issued_at_micros),
        issued_by: record.issued_by,
        logged: None,
    };
    Ok(DocumentRecord { document, artefacts: artefacts.collect() })
}

#[cfg(test)]
mod tests;
