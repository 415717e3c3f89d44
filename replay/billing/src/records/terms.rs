//! Versions of terms, and of what the seller says of itself, beside the documents: so that a catalog that was lost goes
//! on drafting without being told again. An object of its own each, named by its content, which never changes.
//!
//! To add a version: raise [`VERSION`], keep the old struct, and convert in memory once the number was read.

use std::{cmp::Reverse, collections::BTreeSet};

use bytes::Bytes;
use clicktrail_catalog::{
    Catalog,
    invoicing::{AT_ONCE_MAX, TERMS_PAGE_MAX, Terms},
};
use clicktrail_log::{
    archive::{Archive, keys::invoices::Input},
    causes::causes,
    frame::Digest,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Versions that come back at a time: each may be large.
const AT_ONCE: usize = 100;
const _: () = assert!(AT_ONCE > 0 && AT_ONCE <= AT_ONCE_MAX, "one transaction takes them");

/// The version that this program writes.
pub const VERSION: u32 = 1;

/// A version of terms as the catalog keeps it. The order of the fields is frozen with version 1.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    version: u32,
    /// Empty: the seller.
    advertiser_id: String,
    number: u32,
    valid_from: String,
    created_at_micros: i64,
    created_by: String,
    /// The canonical JSON, as a text: its bytes are what is digested.
    terms: String,
}

fn to_bytes(terms: &Terms) -> Bytes {
    let Terms { advertiser_id, version, valid_from, text, digest: _, created_at, created_by } = terms.clone();
    let record = Record {
        version: VERSION,
        advertiser_id,
        number: version,
        valid_from,
        created_at_micros: created_at.micros(),
        created_by,
        terms: text,
    };
    let mut bytes = serde_json::to_vec_pretty(&record).expect("a record holds only text and integers");
    bytes.push(b'\n');
    bytes.into()
}

fn from_bytes(bytes: &[u8]) -> Result<Terms, String> {
    let record: Record = serde_json::from_slice(bytes).map_err(|cause| cause.to_string())?;
    if record.version != VERSION {
        return Err(format!("version {} of it is not known to this program", record.version));
    }
    Ok(Terms {
        advertiser_id: record.advertiser_id,
        version: record.number,
        valid_from: record.valid_from,
        digest: Digest::of(record.terms.as_bytes()).to_string(),
        text: record.terms,
        created_at: Timestamp::from_micros(record.created_at_micros),
        created_by: record.created_by,
    })
}

/// Puts every version of the catalog's terms into the archive that is not there yet. Returns how many those were.
///
/// # Errors
/// As archive and catalog report.
pub async fn keep(archive: &Archive, catalog: &dyn Catalog) -> Result<u64, Error> {
    let there = archive.inputs(Input::Terms).await?;
    let mut kept = 0;
    let mut version = 1;
    while let Some(seller) = catalog.seller(version).await? {
        kept += put(archive, &there, &seller).await?;
        version += 1;
    }
    let mut after = String::new();
    loop {
        let page = catalog.list_accounts(&after, TERMS_PAGE_MAX).await?;
        let Some(last) = page.last() else { return Ok(kept) };
        after.clone_from(&last.advertiser_id);
        for newest in page {
            // Versions before the newest come in pages of their own.
            let mut before = 0;
            while before + 1 < newest.version {
                let older = catalog.terms_of(&newest.advertiser_id, before, TERMS_PAGE_MAX).await?;
                let Some(last) = older.last() else { break };
                before = last.version;
                for terms in &older {
                    kept += put(archive, &there, terms).await?;
                }
            }
            kept += put(archive, &there, &newest).await?;
        }
    }
}

async fn put(archive: &Archive, there: &BTreeSet<Digest>, terms: &Terms) -> Result<u64, Error> {
    let bytes = to_bytes(terms);
    if there.contains(&Digest::of(&bytes)) {
        return Ok(0);
    }
    archive.put_input(Input::Terms, bytes).await?;
    Ok(1)
}

/// Gives a catalog back the versions that it has lost. Returns how many those were, and what is damaged.
///
/// # Errors
/// As archive and catalog report.
pub(super) async fn restore(
    archive: &Archive,
    catalog: &dyn Catalog,
    actor: &str,
    now: Timestamp,
) -> Result<(u64, Vec<String>), Error> {
    let (mut index, mut problems) = (Vec::new(), Vec::new());
    for digest in archive.inputs(Input::Terms).await? {
        match read(archive, &digest).await {
            // Of two with one number, as an older copy of the catalog may have left, the later one.
            Ok(terms) => index.push((terms.advertiser_id, terms.version, Reverse(terms.created_at), digest)),
            Err(cause) if cause.is_transient() => return Err(cause),
            Err(cause) => problems.push(causes(&cause)),
        }
    }
    index.sort();
    let mut restored = 0;
    for chunk in index.chunks(AT_ONCE) {
        let mut all = Vec::with_capacity(chunk.len());
        for (.., digest) in chunk {
            all.push(read(archive, digest).await?);
        }
        match catalog.restore_terms(&all, actor, now).await {
            Ok(count) => restored += count,
            Err(clicktrail_catalog::Error::Refused(_)) => {
                // One by one, so that whoever is right comes back all the same.
                for terms in &all {
                    match catalog.restore_terms(std::slice::from_ref(terms), actor, now).await {
                        Ok(count) => restored += count,
                        Err(clicktrail_catalog::Error::Refused(why)) => problems.push(format!("refused {why}")),
                        Err(cause) => return Err(cause.into()),
                    }
                }
            }
            Err(cause) => return Err(cause.into()),
        }
    }
    Ok((restored, problems))
}

async fn read(archive: &Archive, digest: &Digest) -> Result<Terms, Error> {
    let bytes = archive.input(Input::Terms, digest).await?;
    from_bytes(&bytes).map_err(|what| Error::Contradiction(format!("terms {digest}: {what}")))
}

#[cfg(test)]
mod tests;
