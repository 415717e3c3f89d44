//! From approved drafts to issued documents. The number comes last: documents are made with the next numbers of their
//! series and put into the archive, and one transaction of the catalog issues them, or refuses because somebody else
//! was first. Then all of it is done again with new numbers (decision 0067).
//!
//! *Dies before the transaction: objects that nothing names are left. Dies after it: [`finish`](crate::finish) does
//! what is missing.*

#![expect(
    clippy::disallowed_methods,
    reason = "a document is made on a thread that may block; whoever stops waiting leaves nothing but bytes behind"
)]

mod current;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use clicktrail_catalog::{
    self as catalog, Catalog,
    invoicing::{Artefact, Document as Issued, DocumentNumber, Draft, DraftRevision, DraftState, NewDocument},
};
use clicktrail_invoices::{document::Draft as DraftText, period::local_date};
use clicktrail_log::{
    archive::{Archive, keys::invoices::Input},
    causes::causes,
    frame::Digest,
    invariant,
    log::Log,
    time::{Clock, Timestamp},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::{
    error::Error,
    finish::{Finisher, Fresh},
    making::{Made, Paper},
    regenerate::{pinned, template},
};
use current::Current;

/// So many documents get their numbers in one transaction. A crash leaves as many to be finished.
const CHUNK: usize = 100;
/// So often in a row others may be first. Each time the chunk is halved, so that it takes an ever shorter moment.
const REFUSALS_MAX: u32 = 64;
const _: () = assert!(CHUNK > 0 && CHUNK <= catalog::invoicing::AT_ONCE_MAX, "a chunk is one transaction");

/// What issuing needs.
#[derive(Debug, Clone)]
pub struct Issuing {
    /// Drafts, and where documents go.
    pub archive: Archive,
    /// Who gives the numbers.
    pub catalog: Arc<dyn Catalog>,
    /// The log of issued documents.
    pub log: Arc<dyn Log>,
    /// Who sets pages.
    pub paper: Arc<dyn Paper>,
    /// What day it is.
    pub clock: Arc<dyn Clock>,
    /// Who issues.
    pub actor: String,
    /// How many documents are made at a time.
    pub threads: usize,
    /// Whether an invoice may share days with one of another period, as after a change of zone.
    pub allow_overlap: bool,
}

/// What came of issuing.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What was issued here.
    pub issued: Vec<Issued>,
    /// What a person should know of the files of a document.
    pub remarks: Vec<(DocumentNumber, String)>,
    /// What was not, and why.
    pub left: Vec<(DraftRevision, String)>,
    /// Why a record or log entry is not there yet; the documents are issued all the same.
    pub unfinished: Option<Error>,
    /// Why it ended before the last draft: those that were not issued stay approved.
    pub failed: Option<Error>,
}

impl Issuing {
    /// Issues approved drafts in this order. After each chunk `progress` is told how many are done. If archive or
    /// catalog cannot be used, it ends; what was issued until then stays issued.
    pub async fn issue(&self, drafts: Vec<Draft>, progress: impl FnMut(u64)) -> Outcome {
        let mut outcome = Outcome::default();
        outcome.failed = self.issue_all(VecDeque::from(drafts), &mut outcome, progress).await.err();
        outcome
    }

    async fn issue_all(
        &self,
        mut waiting: VecDeque<Draft>,
        outcome: &mut Outcome,
        mut progress: impl FnMut(u64),
    ) -> Result<(), Error> {
        let finisher = Finisher::new(self.archive.clone(), Arc::clone(&self.catalog), Arc::clone(&self.log));
        let (mut chunk, mut refusals, mut done) = (CHUNK, 0, 0_u64);
        self.keep_template().await?;
        while !waiting.is_empty() {
            let size = chunk.min(waiting.len());
            let now = self.clock.now();
            let made = match self.make(waiting.range(..size), now).await {
                Ok(made) => made,
                Err((Some(at), cause)) => {
                    let draft = waiting.remove(at).expect("it was among the first");
                    outcome.left.push((draft.revision, causes(&cause)));
                    continue;
                }
                Err((None, cause)) => return Err(cause),
            };
            let new: Vec<NewDocument> = made.iter().map(|(new, _)| new.clone()).collect();
            match self.catalog.issue(&new, &self.actor, now).await {
                Ok(issued) => {
                    invariant!(I10, issued.len() == size, "{} of {size} documents were issued", issued.len());
                    waiting.drain(..size);
                    (chunk, refusals) = ((chunk * 2).min(CHUNK), 0);
                    for (issued, (_, made)) in issued.iter().zip(&made) {
                        let remarks = made.remarks.iter().map(|remark| (issued.number.clone(), remark.clone()));
                        outcome.remarks.extend(remarks);
                    }
                    let fresh = issued.iter().zip(&made).map(|(issued, (new, made))| Fresh {
                        issued: issued.clone(),
                        made: made.clone(),
                        artefacts: new.artefacts.clone(),
                    });
                    let unfinished = finisher.finish_fresh(fresh.collect()).await.err();
                    outcome.unfinished = unfinished.or(outcome.unfinished.take());
                    outcome.issued.extend(issued);
                    done += size as u64;
                    progress(done);
                }
                Err(refused @ (catalog::Error::Conflict(_) | catalog::Error::Refused(_))) => {
                    refusals += 1;
                    let before = waiting.len();
                    self.set_aside(&mut waiting, size, outcome).await?;
                    let is_stuck = refusals > REFUSALS_MAX
                        || (size == 1 && before == waiting.len() && matches!(refused, catalog::Error::Refused(_)));
                    if is_stuck && let Some(draft) = waiting.pop_front() {
                        outcome.left.push((draft.revision, refused.to_string()));
                    }
                    chunk = (chunk / 2).max(1);
                }
                Err(cause) => return Err(cause.into()),
            }
        }
        Ok(())
    }

    /// Takes those of the first drafts out of the way that somebody issued, threw away or drafted again meanwhile.
    async fn set_aside(&self, waiting: &mut VecDeque<Draft>, size: usize, outcome: &mut Outcome) -> Result<(), Error> {
        let mut stay = VecDeque::with_capacity(waiting.len());
        for draft in waiting.drain(..size) {
            let now = self.catalog.draft(&draft.revision.id).await?;
            let why = match &now {
                None => Some("it is not in the catalog any more".to_owned()),
                Some(now) if now.revision != draft.revision => {
                    Some(format!("it is revision {} now", now.revision.revision))
                }
                Some(now) => match now.state {
                    DraftState::Approved => None,
                    DraftState::Issued => Some("somebody else issued it".to_owned()),
                    other @ (DraftState::Draft | DraftState::Void | DraftState::Superseded) => {
                        Some(format!("it is {other} now"))
                    }
                },
            };
            match why {
                None => stay.push_back(draft),
                Some(why) => outcome.left.push((draft.revision, why)),
            }
        }
        stay.append(waiting);
        *waiting = stay;
        Ok(())
    }

    /// Makes the documents of drafts with the next numbers, and puts all their forms into the archive.
    ///
    /// # Errors
    /// With its place, if a draft cannot become a document: the others may.
    async fn make(
        &self,
        drafts: impl Iterator<Item = &Draft>,
        now: Timestamp,
    ) -> Result<Vec<(NewDocument, Made)>, (Option<usize>, Error)> {
        let mut next: BTreeMap<String, u32> = BTreeMap::new();
        let mut numbered = Vec::new();
        let mut current = Current::new(&self.archive, self.catalog.as_ref(), self.allow_overlap);
        for (at, draft) in drafts.enumerate() {
            let of_draft = |cause: Error| ((!cause.is_transient()).then_some(at), cause);
            let text = self.text_of(draft).await.map_err(of_draft)?;
            if let Some(why) = current.objection(&text).await.map_err(of_draft)? {
                return Err((Some(at), Error::Incomplete(why)));
            }
            let series = text.series().to_owned();
            let number = match next.get(&series) {
                Some(number) => *number,
                None => self.catalog.next_number(&series).await.map_err(|cause| (None, cause.into()))?.number,
            };
            next.insert(series.clone(), number.saturating_add(1));
            numbered.push((at, draft.revision.clone(), text, DocumentNumber { series, number }));
        }
        let is_contiguous = numbered.windows(2).all(|pair| {
            let (one, next) = (&pair[0].3, &pair[1].3);
            one.series != next.series || one.number.checked_add(1) == Some(next.number)
        });
        invariant!(I10, is_contiguous, "numbers of a series have a gap before they are given");
        let made = numbered.into_iter().map(|(at, revision, text, number)| async move {
            let made = self.make_one(revision, text, number, now).await;
            made.map_err(|cause| (cause.is_of_document().then_some(at), cause))
        });
        stream::iter(made).buffered(self.threads.max(1) * 2).try_collect().await
    }

    async fn make_one(
        &self,
        draft: DraftRevision,
        text: DraftText,
        number: DocumentNumber,
        now: Timestamp,
    ) -> Result<(NewDocument, Made), Error> {
        let today = local_date(&text.pins.period.zone, now)?;
        let template = template(&self.archive, self.paper.as_ref(), self.paper.chosen().as_ref()).await?;
        let document = pinned(text, self.paper.as_ref()).issued(number.number, today)?;
        let paper = Arc::clone(&self.paper);
        let made = tokio::task::spawn_blocking(move || Made::of(document, paper.as_ref(), template.as_deref()));
        let made = made.await.map_err(|stopped| Error::Incomplete(format!("{draft} was not made: {stopped}")))??;
        let mut artefacts = Vec::with_capacity(made.forms.len());
        for (form, bytes) in &made.forms {
            let file = self.archive.put_document(&number.series, number.number, *form, bytes.clone()).await?;
            artefacts.push(Artefact {
                format: form.as_str().to_owned(),
                key: file.key,
                digest: file.sha256,
                bytes: file.bytes,
            });
        }
        // As the catalog gives them, so that records are the same bytes whoever writes them.
        artefacts.sort_by(|one, other| one.format.cmp(&other.format));
        let new = NewDocument {
            draft,
            number,
            issued_on: made.document.issued_on.to_string(),
            due_on: made.document.due_on.to_string(),
            digest: made.digest().to_string(),
            artefacts,
        };
        Ok((new, made))
    }

    /// Keeps the template that documents will pin, also if it ships: a later program may ship another.
    async fn keep_template(&self) -> Result<(), Error> {
        let chosen = self.paper.chosen();
        if let Some(text) = chosen.and_then(|digest| self.paper.template(&digest)) {
            let put = self.archive.put_input(Input::Template, text).await?;
            invariant!(I10, Some(put) == chosen, "template {put} is not the one that documents pin");
        }
        Ok(())
    }

    /// The text of a draft, as the catalog's digest says it is.
    async fn text_of(&self, draft: &Draft) -> Result<DraftText, Error> {
        let id = &draft.revision;
        let digest: Digest = draft.text_digest.parse().map_err(|_| Error::Incomplete(format!("{id} has no digest")))?;
        let bytes = self.archive.input(Input::Draft, &digest).await?;
        Ok(DraftText::from_canonical(&bytes)?)
    }
}

#[cfg(test)]
pub(crate) mod tests;
