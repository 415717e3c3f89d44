//! Documents on their way: with the next numbers of their series, in all their forms, and in the archive. What they are
//! made of is let go as soon as it can be, because a document may have a hundred megabytes.

#![expect(
    clippy::disallowed_methods,
    reason = "a document is made on a thread that may block; whoever stops waiting leaves nothing but bytes behind"
)]

use std::{collections::BTreeMap, sync::Arc};

use clicktrail_catalog::{
    Catalog,
    invoicing::{Artefact, Document as Issued, DocumentNumber, Draft, NewDocument},
};
use clicktrail_invoices::{document::Draft as DraftText, period::local_date};
use clicktrail_log::{
    archive::{
        Archive,
        keys::invoices::{Form, Input},
        manifest::File,
    },
    causes::causes,
    frame::Digest,
    invoices::InvoiceEntry,
    time::Timestamp,
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::Semaphore;

use super::current::Current;
use crate::{
    error::Error,
    finish,
    making::{Made, Paper},
    regenerate::{pinned, template},
};

/// A document of more lines than these is made beside half as many others: its pages take hundreds of megabytes.
const LONG_LINES: u64 = 500;

/// A document whose forms are in the archive: all that it takes to give it its number.
pub(super) struct Ready {
    pub(super) new: NewDocument,
    /// What the log is to say of it.
    pub(super) entry: InvoiceEntry,
    pub(super) remarks: Vec<String>,
}

/// A draft on its way to a document.
struct Numbered {
    draft: Draft,
    text: DraftText,
    number: DocumentNumber,
}

/// What is known of the drafts before.
struct Numbering<'n> {
    /// The next number of each series.
    next: BTreeMap<String, u32>,
    current: Current<'n>,
}

/// Whoever makes documents.
pub(super) struct Maker<'m> {
    pub(super) archive: &'m Archive,
    pub(super) catalog: &'m dyn Catalog,
    pub(super) paper: &'m Arc<dyn Paper>,
    /// Who issues.
    pub(super) actor: &'m str,
    /// How many documents are made at a time.
    pub(super) threads: usize,
    /// Whether an invoice may share days with one of another period.
    pub(super) allow_overlap: bool,
}

impl Maker<'_> {
    /// Makes the documents of drafts with the next numbers, and puts all their forms into the archive. What keeps one
    /// from becoming a document is said in its place: the others may.
    ///
    /// # Errors
    /// As archive and catalog report.
    pub(super) async fn make(
        &self,
        drafts: impl Iterator<Item = &Draft> + Send,
        now: Timestamp,
    ) -> Result<Vec<Result<Ready, String>>, Error> {
        let at_once = self.threads.max(1) * 2;
        let room = Arc::new(Semaphore::new(at_once));
        let numbering =
            Numbering { next: BTreeMap::new(), current: Current::new(self.archive, self.catalog, self.allow_overlap) };
        // The next drafts are looked at while documents are made of those before.
        let numbered = stream::try_unfold((numbering, drafts), |(mut numbering, mut drafts)| async move {
            let Some(draft) = drafts.next() else { return Ok(None) };
            let numbered = self.number(draft, &mut numbering).await?;
            Ok::<_, Error>(Some((numbered, (numbering, drafts))))
        });
        let made = numbered.boxed().map_ok(|numbered| self.make_beside(numbered, Arc::clone(&room), now));
        made.try_buffered(at_once).try_collect().await
    }

    /// Gives a draft the next number of its series, or says why it must not be issued: then the number is still free.
    async fn number(&self, draft: &Draft, numbering: &mut Numbering<'_>) -> Result<Result<Numbered, String>, Error> {
        let text = match self.looked_at(draft, &mut numbering.current).await {
            Ok(text) => text,
            Err(cause) if cause.is_transient() => return Err(cause),
            Err(cause) => return Ok(Err(causes(&cause))),
        };
        let series = text.series().to_owned();
        let number = match numbering.next.get(&series) {
            Some(number) => *number,
            None => self.catalog.next_number(&series).await?.number,
        };
        numbering.next.insert(series.clone(), number.saturating_add(1));
        Ok(Ok(Numbered { draft: draft.clone(), text, number: DocumentNumber { series, number } }))
    }

    /// The text of a draft that may be issued.
    async fn looked_at(&self, draft: &Draft, current: &mut Current<'_>) -> Result<DraftText, Error> {
        let text = self.text_of(draft).await?;
        match current.objection(&text).await? {
            None => Ok(text),
            Some(why) => Err(Error::Incomplete(why)),
        }
    }

    /// Makes a document beside others, as many as there is room for.
    async fn make_beside(
        &self,
        numbered: Result<Numbered, String>,
        room: Arc<Semaphore>,
        now: Timestamp,
    ) -> Result<Result<Ready, String>, Error> {
        let numbered = match numbered {
            Ok(numbered) => numbered,
            Err(why) => return Ok(Err(why)),
        };
        let weight = if numbered.draft.facts.lines > LONG_LINES { 2 } else { 1 };
        let _place = room.acquire_many(weight).await.expect("nobody closes the room");
        match self.make_one(numbered, now).await {
            Ok(ready) => Ok(Ok(ready)),
            Err(cause) if cause.is_of_document() => Ok(Err(causes(&cause))),
            Err(cause) => Err(cause),
        }
    }

    /// Makes one document. Its bytes are let go once they are in the archive.
    async fn make_one(&self, Numbered { draft, text, number }: Numbered, now: Timestamp) -> Result<Ready, Error> {
        let today = local_date(&text.pins.period.zone, now)?;
        let template = template(self.archive, self.paper.as_ref(), self.paper.chosen().as_ref()).await?;
        let document = pinned(text, self.paper.as_ref()).issued(number.number, today)?;
        let paper = Arc::clone(self.paper);
        let made = tokio::task::spawn_blocking(move || Made::of(document, paper.as_ref(), template.as_deref()));
        let made = made.await.map_err(|stopped| Error::Panicked(stopped.to_string()))??;
        let digest = made.digest();
        let Made { document, forms, remarks } = made;
        let put = self.archive.put_document(&number.series, number.number, forms).await?;
        let artefact = |(form, file): (Form, File)| {
            let format = form.as_str().to_owned();
            Artefact { format, key: file.key, digest: file.sha256, bytes: file.bytes }
        };
        let mut artefacts: Vec<Artefact> = put.into_iter().map(artefact).collect();
        // As the catalog gives them, so that records are the same bytes whoever writes them.
        artefacts.sort_by(|one, other| one.format.cmp(&other.format));
        let issued = Issued {
            number: number.clone(),
            draft: draft.revision.clone(),
            serial: draft.serial,
            facts: draft.facts,
            issued_on: document.issued_on.to_string(),
            due_on: document.due_on.to_string(),
            digest: digest.to_string(),
            issued_at: now,
            issued_by: self.actor.to_owned(),
            logged: None,
        };
        // Once it has a number it is too late to find that the log refuses it.
        let entry = finish::entry(&issued, &document, &artefacts)?;
        let Issued { issued_on, due_on, digest, .. } = issued;
        let new = NewDocument { draft: draft.revision, number, issued_on, due_on, digest, artefacts };
        Ok(Ready { new, entry, remarks })
    }

    /// The text of a draft, as the catalog's digest says it is.
    async fn text_of(&self, draft: &Draft) -> Result<DraftText, Error> {
        let id = &draft.revision;
        let digest: Digest = draft.text_digest.parse().map_err(|_| Error::Incomplete(format!("{id} has no digest")))?;
        let bytes = self.archive.input(Input::Draft, &digest).await?;
        Ok(DraftText::from_canonical(&bytes)?)
    }
}
