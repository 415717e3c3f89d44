//! Makes the drafts of a zone and stores those that are new: first what they are made of and their texts, in the
//! archive, then all of them in the catalog.

use std::collections::BTreeMap;

use bytes::Bytes;
use clicktrail_catalog::invoicing::{
    self, AT_ONCE_MAX, AccountPeriod, DraftOutcome, DraftRevision, DraftState, DraftStored, Facts, Kind, NewDraft,
};
use clicktrail_invoices::{Draft, Terms};
use clicktrail_log::{archive::keys::invoices::Input, causes, frame::Digest, invariant};
use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::{
    accounts::Applied,
    cause::{Causes, Change},
    desk::Drafting,
    make::{Common, Made},
    outcome::{Became, Drafted, Notice, Outcome},
    standing::Standing,
    zone::Found,
};
use crate::{chain, error::Error};

/// Texts that are put into the archive side by side: each waits for the disk or the network.
const TEXTS_AT_ONCE: usize = 64;
const _: () = assert!(TEXTS_AT_ONCE > 0 && AT_ONCE_MAX > 0, "some are stored");

/// A draft that is to be stored.
struct New {
    made: Made,
    about: AccountPeriod,
    inputs: Digest,
    documents_before: u32,
}

impl Drafting {
    /// Drafts the accounts of a zone.
    pub(super) async fn accounts(
        &self,
        common: &Common,
        found: &Found,
        applied: &BTreeMap<String, Applied>,
        standing: &Standing,
        outcome: &mut Outcome,
    ) -> Result<(), Error> {
        let mut new = Vec::new();
        for (advertiser, applied) in applied {
            let minimum_in = self.minimum_in(common, advertiser, applied, standing).await?;
            let usage = found.usage.of(advertiser);
            let (made, left_out) = common.drafts(advertiser, applied, usage, minimum_in.as_deref());
            outcome.left_out.extend(left_out);
            for made in made {
                sort(common, made, standing, outcome, &mut new);
            }
        }
        let mut causes = Causes::new(&self.checking.archive, self.summing(None), &found.basis);
        if !new.is_empty() {
            // What a draft names is there before the draft is.
            let put = self.checking.archive.put_input(Input::Basis, found.basis.to_bytes().into()).await?;
            invariant!(I10, put == common.basis, "basis {} was put as {put}", common.basis);
        }
        while !new.is_empty() {
            let rest = new.split_off(new.len().min(AT_ONCE_MAX));
            self.store(common, std::mem::replace(&mut new, rest), (standing, &mut causes), outcome).await?;
        }
        outcome.drafted.sort_by(|one, other| one.revision.id.cmp(&other.revision.id));
        Ok(())
    }

    /// The invoice that has billed the period's minimum in another currency: then that was the one of the terms.
    async fn minimum_in(
        &self,
        common: &Common,
        advertiser: &str,
        applied: &Applied,
        standing: &Standing,
    ) -> Result<Option<String>, Error> {
        if applied.terms.minimums.is_empty() {
            return Ok(None);
        }
        for (currency, number, version) in standing.invoices_of(common.period.name, advertiser) {
            if currency == applied.terms.currency.code() {
                continue;
            }
            let Some(stored) = self.checking.catalog.terms(advertiser, version).await? else { continue };
            let terms = Terms::from_canonical(&stored.text)?;
            if terms.currency.code() == currency && !terms.minimums.is_empty() {
                return Ok(Some(chain::name(number)));
            }
        }
        Ok(None)
    }

    async fn store(
        &self,
        common: &Common,
        new: Vec<New>,
        (standing, causes): (&Standing, &mut Causes<'_>),
        outcome: &mut Outcome,
    ) -> Result<(), Error> {
        let archive = &self.checking.archive;
        let texts: Vec<Bytes> = new.iter().map(|new| Bytes::from(new.made.draft.canonical())).collect();
        let puts = texts.iter().map(|text| archive.put_input(Input::Draft, text.clone()));
        let digests: Vec<Digest> = stream::iter(puts).buffered(TEXTS_AT_ONCE).try_collect().await?;
        let rows = new.iter().zip(&texts).zip(&digests);
        let rows: Vec<NewDraft> = rows.map(|((new, text), digest)| row(common, new, text, digest)).collect();
        let stored = self.checking.catalog.put_drafts(&rows, &self.actor, self.now).await?;
        invariant!(I10, stored.len() == new.len(), "{} of {} drafts were stored", stored.len(), new.len());
        let became: Vec<Became> = stored.iter().map(|stored| became(stored, standing)).collect();
        // Drafts of before, of those that changed.
        let before = stored.iter().zip(&became).zip(&new).map(|((stored, became), new)| {
            let before = standing.draft(&stored.revision.id).filter(|_| *became == Became::Revised);
            // What somebody threw away comes back as it was.
            let before = before.filter(|before| before.facts.inputs != new.inputs.to_string());
            self.text_of(before)
        });
        let before: Vec<_> = stream::iter(before).buffered(TEXTS_AT_ONCE).try_collect().await?;
        for (((new, stored), became), before) in new.into_iter().zip(stored).zip(became).zip(before) {
            let is_its = became == Became::Issued || stored.revision.id == new.about.draft_id(new.documents_before);
            invariant!(I10, is_its, "a draft of {} was stored as {}", new.about, stored.revision);
            let mut drafted = drafted(new.made.clone(), stored.revision, became);
            let change = match before {
                None => Ok(None),
                Some(Err(why)) => Err(why),
                Some(Ok((revision, text))) => told(causes.change((revision, &text), &new.made.draft).await)?,
            };
            match change {
                Ok(change) => drafted.change = change,
                Err(why) => drafted.notices.push(Notice::Untold { why }),
            }
            outcome.drafted.push(drafted);
        }
        Ok(())
    }

    /// What a revision says, as its digest says.
    async fn text_of(&self, draft: Option<&invoicing::Draft>) -> Result<Option<Result<(u32, Draft), String>>, Error> {
        let Some(draft) = draft else { return Ok(None) };
        let revision = draft.revision.revision;
        let Ok(digest) = draft.text_digest.parse::<Digest>() else {
            return Ok(Some(Err(format!("revision {revision} has a text that is no digest"))));
        };
        match self.checking.archive.input(Input::Draft, &digest).await {
            Ok(bytes) => {
                let text = Draft::from_canonical(&bytes).map_err(|error| error.to_string());
                Ok(Some(text.map(|text| (revision, text))))
            }
            Err(error) if error.is_transient() => Err(error.into()),
            Err(error) => Ok(Some(Err(error.to_string()))),
        }
    }
}

fn became(stored: &DraftStored, standing: &Standing) -> Became {
    match (stored.outcome, standing.draft(&stored.revision.id)) {
        (DraftOutcome::New, None) => Became::New,
        (DraftOutcome::New, Some(_)) => Became::Revised,
        (DraftOutcome::Same, _) => Became::Same,
        // Somebody issued it meanwhile.
        (DraftOutcome::Behind, _) => Became::Issued,
    }
}

/// A draft is stored, whether or not it can be told what changed: the basis of before may be gone.
fn told(change: Result<Change, Error>) -> Result<Result<Option<Change>, String>, Error> {
    match change {
        Ok(change) => Ok(Ok(Some(change))),
        Err(error) if error.is_transient() => Err(error),
        Err(error) => Ok(Err(causes::causes(&error))),
    }
}

/// Tells what stays from what is new.
fn sort(common: &Common, made: Made, standing: &Standing, outcome: &mut Outcome, new: &mut Vec<New>) {
    let about = AccountPeriod {
        period: common.period.name.to_string(),
        advertiser_id: made.draft.advertiser_id.clone(),
        currency: made.draft.bill.currency.code().to_owned(),
    };
    let issued = standing.issued(&about);
    let id = about.draft_id(issued.documents);
    let inputs = made.draft.inputs();
    let newest = standing.draft(&id);
    if issued.stands {
        let id = about.draft_id(issued.decided_by.saturating_sub(1));
        let revision = standing.draft(&id).map(|draft| draft.revision.clone());
        let revision = revision.unwrap_or(DraftRevision { id, revision: 0 });
        outcome.drafted.push(drafted(made, revision, Became::Issued));
        return;
    }
    let same = newest.filter(|draft| draft.facts.inputs == inputs.to_string());
    match same {
        Some(draft) if draft.state.is_open() => {
            outcome.drafted.push(drafted(made, draft.revision.clone(), Became::Same));
        }
        Some(draft) if draft.state == DraftState::Void && !common.revives => {
            outcome.drafted.push(drafted(made, draft.revision.clone(), Became::Void));
        }
        Some(_) | None => new.push(New { made, about, inputs, documents_before: issued.documents }),
    }
}

fn row(common: &Common, new: &New, text: &Bytes, digest: &Digest) -> NewDraft {
    let draft = &new.made.draft;
    NewDraft {
        facts: Facts {
            about: new.about.clone(),
            zone: common.period.zone.clone(),
            kind: Kind::Invoice,
            original: None,
            terms_version: draft.pins.terms_version,
            total_minor: draft.bill.total,
            lines: draft.bill.lines.len() as u64,
            inputs: new.inputs.to_string(),
            basis: common.basis.to_string(),
        },
        documents_before: new.documents_before,
        text_digest: digest.to_string(),
        text_bytes: text.len() as u64,
        revives: common.revives,
    }
}

fn drafted(made: Made, revision: DraftRevision, became: Became) -> Drafted {
    let Made { draft, notices } = made;
    Drafted {
        advertiser_id: draft.advertiser_id,
        currency: draft.bill.currency,
        revision,
        became,
        bill: draft.bill,
        notices,
        change: None,
    }
}
