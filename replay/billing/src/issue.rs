//! From approved drafts to issued documents. The number comes last: documents are made with the next numbers of their
//! series and put into the archive, and one transaction of the catalog issues them, or refuses because somebody else
//! was first. Then all of it is done again with new numbers (decision 0067).
//!
//! *Dies before the transaction: objects that nothing names are left. Dies after it: [`finish`](crate::finish) does
//! what is missing.*

mod current;
mod make;

use std::{collections::VecDeque, sync::Arc};

use clicktrail_catalog::{
    self as catalog, Catalog,
    invoicing::{Document as Issued, DocumentNumber, Draft, DraftRevision, DraftState, NewDocument},
};
use clicktrail_log::{
    archive::{Archive, keys::invoices::Input},
    invariant,
    invoices::InvoiceEntry,
    log::Log,
    time::Clock,
};

use crate::{
    error::Error,
    finish::{Finished, Finisher, Fresh},
    making::Paper,
};
use make::{Maker, Ready};

/// So many documents get their numbers in one transaction. A crash leaves twice as many to be finished at most: those
/// of one chunk while the next one is issued.
const CHUNK: usize = if cfg!(test) { 4 } else { 100 };
/// And so many that have no more bytes of text: they are held while their numbers are looked for. A larger document is
/// a chunk of its own.
const CHUNK_BYTES: u64 = 16 << 20;
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
    /// What became of records and log entries.
    pub finished: Finished,
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
        waiting: VecDeque<Draft>,
        outcome: &mut Outcome,
        progress: impl FnMut(u64),
    ) -> Result<(), Error> {
        let finisher = Finisher::new(self.archive.clone(), Arc::clone(&self.catalog), &self.log);
        let mut behind = None;
        let done = self.issue_chunks(waiting, &finisher, &mut behind, outcome, progress).await;
        note(&finisher, behind, outcome).await;
        done
    }

    /// Issues chunk by chunk. What follows the moment of issue is done of a chunk while the next one is made, and left
    /// in `behind` of the last.
    async fn issue_chunks(
        &self,
        mut waiting: VecDeque<Draft>,
        finisher: &Finisher,
        behind: &mut Option<Chunk>,
        outcome: &mut Outcome,
        mut progress: impl FnMut(u64),
    ) -> Result<(), Error> {
        let (mut chunk, mut refusals, mut done) = (CHUNK, 0, 0_u64);
        self.keep_template().await?;
        while !waiting.is_empty() {
            let size = first_of(&waiting, chunk);
            let now = self.clock.now();
            let maker = self.maker();
            let (made, ()) =
                tokio::join!(maker.make(waiting.range(..size), now), note(finisher, behind.take(), outcome));
            let made = made?;
            if made.iter().any(Result::is_err) {
                // Whoever comes behind one of them has its number: all are made again without them.
                let mut stay = VecDeque::with_capacity(waiting.len());
                for (draft, made) in waiting.drain(..size).zip(made) {
                    match made {
                        Ok(_) => stay.push_back(draft),
                        Err(why) => outcome.left.push((draft.revision, why)),
                    }
                }
                stay.append(&mut waiting);
                waiting = stay;
                continue;
            }
            let made: Vec<Ready> = made.into_iter().flatten().collect();
            let new: Vec<NewDocument> = made.iter().map(|ready| ready.new.clone()).collect();
            invariant!(I10, is_contiguous(&new), "numbers of a series have a gap before they are given");
            match self.catalog.issue(&new, &self.actor, now).await {
                Ok(issued) => {
                    invariant!(I10, issued.len() == size, "{} of {size} documents were issued", issued.len());
                    waiting.drain(..size);
                    (chunk, refusals) = ((chunk * 2).min(CHUNK), 0);
                    *behind = Some(Chunk { issued, made });
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

    fn maker(&self) -> Maker<'_> {
        Maker {
            archive: &self.archive,
            catalog: self.catalog.as_ref(),
            paper: &self.paper,
            actor: &self.actor,
            threads: self.threads,
            allow_overlap: self.allow_overlap,
        }
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

    /// Keeps the template that documents will pin, also if it ships: a later program may ship another.
    async fn keep_template(&self) -> Result<(), Error> {
        let chosen = self.paper.chosen();
        if let Some(text) = chosen.and_then(|digest| self.paper.template(&digest)) {
            let put = self.archive.put_input(Input::Template, text).await?;
            invariant!(I10, Some(put) == chosen, "template {put} is not the one that documents pin");
        }
        Ok(())
    }
}

/// How many of the first drafts are one chunk: at least one.
fn first_of(waiting: &VecDeque<Draft>, chunk: usize) -> usize {
    let mut bytes = 0_u64;
    let fit = waiting.iter().take(chunk).take_while(|draft| {
        bytes = bytes.saturating_add(draft.text_bytes);
        bytes <= CHUNK_BYTES
    });
    fit.count().max(1)
}

/// Documents that were issued together.
struct Chunk {
    issued: Vec<Issued>,
    made: Vec<Ready>,
}

/// Whether each number follows the one before, where it is of the same series.
fn is_contiguous(new: &[NewDocument]) -> bool {
    let numbers = new.iter().map(|new| &new.number);
    numbers
        .clone()
        .zip(numbers.skip(1))
        .all(|(one, next)| one.series != next.series || one.number.checked_add(1) == Some(next.number))
}

/// Notes what was issued, and finishes it.
async fn note(finisher: &Finisher, behind: Option<Chunk>, outcome: &mut Outcome) {
    let Some(Chunk { issued, made }) = behind else { return };
    let mut fresh = Vec::with_capacity(made.len());
    for (issued, Ready { new, entry, remarks }) in issued.iter().zip(made) {
        invariant!(I10, entry.document.to_string() == issued.digest, "{} was issued as another", issued.number);
        outcome.remarks.extend(remarks.into_iter().map(|remark| (issued.number.clone(), remark)));
        // Of one that stood there already they are those of before.
        let entry = InvoiceEntry { issued_at: issued.issued_at, actor: issued.issued_by.clone(), ..entry };
        fresh.push(Fresh { issued: issued.clone(), entry, artefacts: new.artefacts });
    }
    match finisher.finish_fresh(fresh).await {
        Ok(finished) => outcome.finished.extend(finished),
        Err(cause) => outcome.unfinished = Some(cause),
    }
    outcome.issued.extend(issued);
}

#[cfg(test)]
pub(crate) mod tests;
