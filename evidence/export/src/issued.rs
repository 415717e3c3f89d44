//! What the log of issued documents says of an invoice and its notes.

use std::collections::BTreeMap;

use clicktrail_evidence::{
    Hash,
    bundle::{
        columns::{ISSUED, at::issued},
        names,
        proof::Leaf,
    },
};
use clicktrail_log::{
    archive::{
        self, Archive,
        invoices::Invoices,
        kind::Kind as _,
        part,
        trees::prove::{answer, question, wanted_of_parts},
    },
    log::Stream,
    position::Position,
    time::Hour,
};

use crate::{
    cells::Rows,
    dossier::Dossier,
    error::Error,
    head::Head,
    proofs::{self, joined},
    sealed::Sealed,
    staging::Staging,
};

/// What was found: the hours, and names of documents whose entries are not sealed or not signed yet.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) hours: Vec<Hour>,
    pub(crate) open: Vec<String>,
}

/// Shows the entries of the documents. One that is not signed yet is left out: whoever checks has the document itself.
pub(crate) async fn stage(
    archive: &Archive,
    head: &Head,
    dossier: &Dossier,
    staging: &mut Staging,
) -> Result<Found, Error> {
    let mut found = Found::default();
    let mut of_hour: BTreeMap<Hour, Vec<String>> = BTreeMap::new();
    let signed = head.hours(Stream::Invoices);
    for link in &dossier.links {
        let hour = match link.issued.logged {
            Some(position) => hour_of(archive, &signed, position).await?,
            None => None,
        };
        match hour {
            Some(hour) => of_hour.entry(hour).or_default().push(link.issued.digest.clone()),
            None => found.open.push(link.document.name()),
        }
    }
    if of_hour.is_empty() {
        return Ok(found);
    }
    staging.begin_table(names::ISSUED, &ISSUED)?;
    staging.begin(names::PROOF_ISSUED)?;
    for (hour, documents) in &of_hour {
        let sealed = Sealed::<Invoices>::stage(archive, head, *hour, staging).await?;
        show(archive, &sealed, documents, staging).await?;
        found.hours.push(*hour);
    }
    Ok(found)
}

/// The signed hour that holds a position: frames of a later epoch begin anew, and stand behind all before it.
async fn hour_of(archive: &Archive, hours: &[Hour], position: Position) -> Result<Option<Hour>, Error> {
    let (mut low, mut high) = (0, hours.len());
    while low < high {
        let middle = usize::midpoint(low, high);
        let manifest = archive.manifest::<Invoices>(hours[middle]).await?;
        let missing = || archive::Error::Missing(format!("the manifest of issued documents of {}", hours[middle]));
        let manifest = manifest.ok_or_else(missing)?;
        if manifest.positions().end <= position {
            low = middle + 1;
        } else if manifest.positions().start > position {
            high = middle;
        } else {
            return Ok(Some(hours[middle]));
        }
    }
    Ok(None)
}

/// Shows the rows of some documents. Hours of issued documents are small, so their parts are read whole.
async fn show(
    archive: &Archive,
    sealed: &Sealed<Invoices>,
    documents: &[String],
    staging: &mut Staging,
) -> Result<(), Error> {
    let trees = sealed.trees(archive).await?;
    let (mut first, mut ranges, mut leaves) = (0_u64, Vec::new(), Vec::<Hash>::new());
    for part in &sealed.manifest.parts {
        let damaged = |reason: String| archive::Error::Damaged { key: part.file.key.clone(), reason };
        let bytes = archive.get_file(&part.file).await?;
        let of_part = Invoices::leaves(std::slice::from_ref(&bytes), sealed.hour, None).map_err(damaged)?;
        for batch in part::read(bytes, None).map_err(|error| damaged(error.to_string()))? {
            let batch = batch.map_err(|error| damaged(error.to_string()))?;
            let rows = Rows::of(&batch, &ISSUED, &part.file.key)?;
            for row in 0..batch.num_rows() {
                if documents.iter().any(|digest| digest == rows.text(issued::DOCUMENT, row)) {
                    staging.row(names::ISSUED, rows.row(row))?;
                    ranges.push(first..first + 1);
                }
                first += 1;
            }
        }
        leaves.extend(of_part.rows);
    }
    let ranges = joined(ranges);
    let question = question(&sealed.manifest, &trees.rows, &ranges)?;
    let mut wanted: Vec<Hash> = Vec::new();
    for (_, rows) in wanted_of_parts(&sealed.manifest.parts, question.wanted()) {
        for range in rows.in_hour {
            let at = |leaf: u64| usize::try_from(leaf).unwrap_or(usize::MAX);
            wanted.extend_from_slice(leaves.get(at(range.start)..at(range.end)).unwrap_or_default());
        }
    }
    let proved = answer(&question, &trees.rows, &wanted, &sealed.manifest)?;
    let (size, file) = (sealed.manifest.rows, staging.file(names::PROOF_ISSUED));
    proofs::write(size, &ranges, &proved.nodes, &mut |_| Leaf::Shown, file)?;
    Ok(())
}
