//! An invoice, the notes that correct it, and what they count.

use clicktrail_billing::{
    basis::Basis,
    chain::{self, Link},
    compose, kept,
};
use clicktrail_catalog::{Catalog, invoicing::DocumentNumber};
use clicktrail_evidence::{Hash, bundle::names};
use clicktrail_invoices::document::Document;
use clicktrail_log::{
    archive::{
        Archive,
        keys::invoices::{Form, Input},
    },
    frame::Digest,
    position::Position,
    time::Hour,
};

use crate::{error::Error, staging::Staging};

/// The documents of an invoice.
#[derive(Debug)]
pub(crate) struct Dossier {
    /// The invoice, then its notes in their order.
    pub(crate) links: Vec<Link>,
    /// What they pin, each once, in the order of the documents.
    pub(crate) bases: Vec<Basis>,
}

impl Dossier {
    /// Reads the documents among which one is.
    pub(crate) async fn read(archive: &Archive, catalog: &dyn Catalog, number: &DocumentNumber) -> Result<Self, Error> {
        let asked = chain::link(archive, catalog, number).await?;
        let asked = asked.ok_or_else(|| Error::NotFound(format!("no document {} was issued", chain::name(number))))?;
        let all = chain::of(archive, catalog, &asked.issued.facts.about).await?;
        let (series, number) = match &asked.document.draft.original {
            Some(original) => (original.series.clone(), original.number),
            None => (asked.document.series.clone(), asked.document.number),
        };
        let is_invoice = |document: &Document| (document.series.as_str(), document.number) == (series.as_str(), number);
        let is_note = |document: &Document| {
            let original = document.draft.original.as_ref();
            original.is_some_and(|original| (original.series.as_str(), original.number) == (series.as_str(), number))
        };
        let links: Vec<Link> =
            all.into_iter().filter(|link| is_invoice(&link.document) || is_note(&link.document)).collect();
        let mut bases: Vec<Basis> = Vec::new();
        let mut seen: Vec<Digest> = Vec::new();
        for link in &links {
            let digest = link.document.draft.pins.basis;
            if !seen.contains(&digest) {
                bases.push(compose::basis(archive, &digest).await?);
                seen.push(digest);
            }
        }
        match links.first().is_some_and(|first| is_invoice(&first.document)) {
            true => Ok(Self { links, bases }),
            false => Err(Error::NotFound(format!("the invoice {series}-{number:08} of this document is not there"))),
        }
    }

    /// The invoice.
    pub(crate) fn invoice(&self) -> &Document {
        &self.links[0].document
    }

    /// Stages documents and bases, as they are stored.
    pub(crate) async fn stage(&self, archive: &Archive, staging: &mut Staging) -> Result<(), Error> {
        for (index, link) in self.links.iter().enumerate() {
            let json = link.artefacts.iter().find(|artefact| artefact.format == Form::Json.as_str());
            let missing = || Error::NotFound(format!("{} was issued without its JSON", link.document.name()));
            let bytes = archive.get_file(&kept::file(json.ok_or_else(missing)?)).await?;
            let name = if index == 0 { names::INVOICE.to_owned() } else { names::note(index) };
            staging.put(&name, bytes.to_vec());
            let basis = link.document.draft.pins.basis;
            let bytes = archive.input(Input::Basis, &basis).await?;
            staging.put(&names::basis(&Hash(basis.0)), bytes.to_vec());
        }
        Ok(())
    }

    /// The hours that the bases looked at: the first and the last of all.
    pub(crate) fn looked_at(&self) -> Option<(Hour, Hour)> {
        let hours = || self.bases.iter().map(Basis::looked_at);
        Some((hours().map(|hours| hours.0).min()?, hours().map(|hours| hours.1).max()?))
    }

    /// The hours that some basis counts.
    pub(crate) fn counted(&self) -> impl Iterator<Item = Hour> {
        self.bases.iter().flat_map(Basis::segments).map(|read| read.hour)
    }

    /// Verdicts before this position are known; `None`: none are.
    pub(crate) fn horizon(&self) -> Option<Position> {
        let segments = self.bases.iter().flat_map(Basis::segments);
        segments.filter_map(|read| read.knows_before.or(read.verdicts_before)).max()
    }
}
