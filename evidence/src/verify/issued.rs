//! Step 9: the documents are those that were issued: the log of issued documents has their digests. One that is not
//! there yet counts if the auditor has it from elsewhere.

use std::collections::BTreeSet;

use super::{
    dossier::Dossier,
    failure::Failure,
    manifest::Manifest,
    opened::{Opened, expect_end, expect_no_row, next_row},
    signed::Trust,
};
use crate::{
    bundle::{
        columns::{ISSUED, at::issued},
        names,
        proof::{self, Leaf},
    },
    hash::Hash,
    row,
};

/// How many documents were found in the log, and how many were handed in instead.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Found {
    pub(super) logged: usize,
    pub(super) handed_in: usize,
}

/// Checks that every document was issued.
pub(super) fn check(
    opened: &Opened<'_>,
    hours: &[Manifest],
    dossier: &Dossier,
    trust: &Trust,
) -> Result<Found, Failure> {
    let logged = if hours.is_empty() { BTreeSet::new() } else { logged(opened, hours, dossier)? };
    let mut found = Found::default();
    for document in &dossier.documents {
        if logged.contains(&document.digest) {
            found.logged += 1;
        } else if trust.documents.contains(&document.digest) {
            found.handed_in += 1;
        } else {
            let name = document.name();
            let reason = format!(
                "{name} is not in the log of issued documents at this checkpoint: hand in the document as you have it, \
                 or ask for a bundle of a later checkpoint"
            );
            return Err(Failure::incomplete(names::ISSUED, reason));
        }
    }
    Ok(found)
}

/// Digests of documents that the log has.
fn logged(opened: &Opened<'_>, hours: &[Manifest], dossier: &Dossier) -> Result<BTreeSet<Hash>, Failure> {
    let mut table = opened.table(names::ISSUED, &ISSUED)?;
    let mut from = opened.reader(names::PROOF_ISSUED)?;
    let mut found = BTreeSet::new();
    for manifest in hours {
        let root = proof::read_root::<Failure>(manifest.rows, &mut from, &mut |_, leaf| {
            if leaf != Leaf::Shown {
                return Err(Failure::integrity(names::PROOF_ISSUED, "it has leaves of verdicts"));
            }
            let row = next_row(names::ISSUED, &mut table)?;
            let is_entry_of = |document: &&super::document::Document| {
                row.text(issued::DOCUMENT) == document.digest.to_string()
                    && row.text(issued::SERIES) == document.series
                    && row.int(issued::NUMBER) == i64::from(document.number)
                    && row.text(issued::BASIS) == document.pins.basis.to_string()
            };
            let Some(document) = dossier.documents.iter().find(is_entry_of) else {
                let (series, number) = (row.text(issued::SERIES), row.int(issued::NUMBER));
                let reason = format!("{series}-{number:08} was issued with other bytes than those that are there");
                return Err(Failure::integrity(names::ISSUED, reason));
            };
            found.insert(document.digest);
            Ok(Hash::leaf(&row::encode(row::Kind::Invoices, row.values())))
        });
        let root = root.map_err(|failure| failure.or_at(names::PROOF_ISSUED))?;
        if root != manifest.trees().rows.root {
            let reason = format!("the issued documents of {} are not those that were sealed", manifest.hour);
            return Err(Failure::integrity(names::ISSUED, reason));
        }
    }
    expect_no_row(names::ISSUED, &mut table)?;
    expect_end(names::PROOF_ISSUED, &mut from)?;
    Ok(found)
}
