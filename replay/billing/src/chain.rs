//! What was issued to an account for a period in a currency, in its order: an invoice, its notes, and, once all of it
//! was taken back, the next invoice.

use clicktrail_catalog::{
    Catalog,
    invoicing::{AccountPeriod, Artefact, Document as Issued, DocumentNumber, DocumentRecord},
};
use clicktrail_invoices::document::Document;
use clicktrail_log::{archive::Archive, invariant};

use crate::{error::Error, kept};

/// A document, and what the catalog says of it.
#[derive(Debug, Clone)]
pub struct Link {
    /// As the catalog has it.
    pub issued: Issued,
    /// What is stored of it.
    pub artefacts: Vec<Artefact>,
    /// The document.
    pub document: Document,
}

/// The number that a name means, as in `INV-00000012`; the zeros may be left out.
pub fn number(name: &str) -> Option<DocumentNumber> {
    let (series, digits) = name.rsplit_once('-')?;
    let is_number = !series.is_empty() && !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number: u32 = digits.parse().ok().filter(|number| is_number && *number > 0)?;
    Some(DocumentNumber { series: series.to_owned(), number })
}

/// A number as documents show it.
pub fn name(number: &DocumentNumber) -> String {
    clicktrail_invoices::document::name(&number.series, number.number)
}

/// A document by its number; `None` if none was issued under it.
///
/// # Errors
/// A document that is missing or damaged, by name; as archive and catalog report.
pub async fn link(archive: &Archive, catalog: &dyn Catalog, number: &DocumentNumber) -> Result<Option<Link>, Error> {
    let Some(DocumentRecord { document: issued, artefacts }) = catalog.document(number).await? else {
        return Ok(None);
    };
    let document = kept::document(archive, &issued, &artefacts).await?;
    Ok(Some(Link { issued, artefacts, document }))
}

/// All documents of an account's period, in their order.
///
/// # Errors
/// As [`link`].
pub async fn of(archive: &Archive, catalog: &dyn Catalog, about: &AccountPeriod) -> Result<Vec<Link>, Error> {
    of_before(archive, catalog, about, u32::MAX).await
}

/// Those of them that were issued before one of them.
///
/// # Errors
/// As [`link`].
pub async fn of_before(
    archive: &Archive,
    catalog: &dyn Catalog,
    about: &AccountPeriod,
    serial: u32,
) -> Result<Vec<Link>, Error> {
    let mut links = Vec::new();
    for issued in catalog.documents_of(about).await?.into_iter().filter(|issued| issued.serial < serial) {
        let artefacts = catalog.artefacts(&issued.number).await?;
        let document = kept::document(archive, &issued, &artefacts).await?;
        links.push(Link { issued, artefacts, document });
    }
    links.sort_by_key(|link| link.issued.serial);
    let is_of = |link: &Link| link.document.draft.advertiser_id == about.advertiser_id;
    invariant!(I10, links.iter().all(is_of), "documents of others are among those of {about}");
    Ok(links)
}

/// The invoice that a note about these documents corrects: the last one that was not taken back.
pub fn original(links: &[Link]) -> Option<&Link> {
    use clicktrail_invoices::document::{Kind, Reason};

    let cancels = |link: &&Link| {
        link.document.draft.original.as_ref().is_some_and(|original| original.reason == Reason::Cancelled)
    };
    let after = links.iter().rposition(|link| cancels(&link)).map_or(0, |at| at + 1);
    links[after..].iter().rev().find(|link| link.document.draft.kind == Kind::Invoice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_documents_are_read_with_and_without_zeros() {
        let check = |name: &str, expected: Option<(&str, u32)>| {
            let found = number(name);
            let found = found.as_ref().map(|found| (found.series.as_str(), found.number));
            assert_eq!(found, expected, "{name:?}");
        };
        check("INV-00000012", Some(("INV", 12)));
        check("INV-12", Some(("INV", 12)));
        check("R-2026-7", Some(("R-2026", 7)));
        for name in ["INV", "INV-", "-12", "INV-0", "INV-+1", "INV-99999999999", "2026-03"] {
            // A month is no number: its last part would be one.
            let expected = (name == "2026-03").then_some(("2026", 3));
            check(name, expected);
        }
    }
}
