//! All documents again, or some of them each time: for a nightly check.
//!
//! Documents of one basis are summed together, so that a month of ten thousand is read once.

use std::collections::BTreeMap;

use clicktrail_catalog::invoicing::{Document as Issued, DocumentFilter, DocumentNumber};
use clicktrail_invoices::Usage;
use clicktrail_log::{causes::causes, frame::Digest};

use crate::{
    chain, compose,
    correct::documents,
    error::Error,
    regenerate::{Finding, Regenerating, Skipped},
    usage::{Everybody, sum::Summing},
};

/// What came of one document that is not as it was issued.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// It comes out otherwise.
    Differs(Vec<Finding>),
    /// It could not be computed again.
    Failed(String),
}

/// What was verified.
#[derive(Debug, Clone, Default)]
pub struct Verified {
    /// Documents that came out the same, to the byte.
    pub equal: u64,
    /// The others, by number.
    pub findings: BTreeMap<DocumentNumber, Verdict>,
    /// Forms that could not be compared, and in how many documents.
    pub skipped: BTreeMap<Skipped, u64>,
}

impl Regenerating<'_> {
    /// Computes documents again: all, or so many, others for each seed. After each `progress` is told how many are
    /// done, and how many there are.
    ///
    /// # Errors
    /// If archive, log or catalog cannot be reached. What is missing or damaged there is a finding.
    pub async fn verify(
        &self,
        sample: Option<(usize, i64)>,
        threads: usize,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<Verified, Error> {
        let mut issued = documents(self.catalog, &DocumentFilter::default()).await?;
        if let Some((size, seed)) = sample {
            let order =
                |document: &Issued| Digest::of(format!("{seed}\n{}\n", chain::name(&document.number)).as_bytes()).0;
            issued.sort_by_cached_key(order);
            issued.truncate(size);
        }
        issued.sort_by(|one, other| (&one.facts.basis, &one.number).cmp(&(&other.facts.basis, &other.number)));
        let (mut verified, mut summed) = (Verified::default(), None);
        let all = issued.len() as u64;
        for (done, document) in (1..).zip(issued) {
            match self.one(&document, &mut summed, threads).await {
                Ok((findings, skipped)) => {
                    for skipped in skipped {
                        *verified.skipped.entry(skipped).or_default() += 1;
                    }
                    match findings.is_empty() {
                        true => verified.equal += 1,
                        false => drop(verified.findings.insert(document.number, Verdict::Differs(findings))),
                    }
                }
                Err(cause) if cause.is_transient() => return Err(cause),
                Err(cause) => drop(verified.findings.insert(document.number, Verdict::Failed(causes(&cause)))),
            }
            progress(done, all);
        }
        Ok(verified)
    }

    async fn one(
        &self,
        issued: &Issued,
        summed: &mut Option<(String, Everybody)>,
        threads: usize,
    ) -> Result<(Vec<Finding>, Vec<Skipped>), Error> {
        let usage = self.usage_of(issued, summed, threads).await?;
        let gone = || Error::Contradiction(format!("{} is not in the catalog any more", issued.number));
        let regenerated = self.run(&issued.number, usage.as_ref()).await?.ok_or_else(gone)?;
        Ok((regenerated.findings, regenerated.skipped))
    }

    /// What the document's basis comes to, from the sum that the document before it had. `None`: it is counted again
    /// for this document alone.
    async fn usage_of(
        &self,
        issued: &Issued,
        summed: &mut Option<(String, Everybody)>,
        threads: usize,
    ) -> Result<Option<Usage>, Error> {
        if matches!(self.origin, crate::counted::Origin::Raw(_)) {
            return Ok(None);
        }
        let basis = &issued.facts.basis;
        if summed.as_ref().is_none_or(|(of, _)| of != basis) {
            let digest: Digest =
                basis.parse().map_err(|_| Error::Contradiction(format!("{} pins no basis", issued.number)))?;
            let found = compose::basis(self.archive, &digest).await?;
            let summing = Summing { archive: self.archive.clone(), threads, advertiser: None };
            *summed = Some((basis.clone(), summing.fresh(&found).await?));
        }
        let about = &issued.facts.about;
        let of_account = summed.as_ref().and_then(|(_, sum)| sum.of(&about.advertiser_id));
        Ok(Some(of_account.and_then(|by_currency| by_currency.get(&about.currency)).cloned().unwrap_or_default()))
    }
}
