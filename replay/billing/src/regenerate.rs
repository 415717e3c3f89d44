//! An issued document again, from what it pins: its basis, its terms, its period. Every stored form must come out as
//! the same bytes, under every later version of this program.

use bytes::Bytes;
use clicktrail_catalog::{
    Catalog,
    invoicing::{AccountPeriod, Artefact, Document as Issued, DocumentNumber, DocumentRecord, Kind},
};
use clicktrail_invoices::{
    Usage,
    difference::{Difference, between},
    document::{Document, Draft},
};
use clicktrail_log::{
    archive::{
        Archive,
        keys::invoices::{Form, Input},
    },
    causes::causes,
    frame::Digest,
};

use crate::{
    chain, compose,
    counted::{Counted, Origin},
    error::Error,
    kept,
    making::{Made, Paper},
};

/// What is not as it was issued.
#[derive(Debug, Clone)]
pub enum Finding {
    /// What is owed comes out otherwise: as it is stored, and as it is computed.
    Bill(Box<Difference>),
    /// Something else of the document comes out otherwise: where.
    Text(String),
    /// A form comes out in other bytes.
    Bytes {
        /// Which.
        form: Form,
        /// Where they part.
        reason: String,
    },
    /// A stored form is missing or damaged.
    Stored {
        /// Which.
        form: Form,
        /// How, and what helps.
        reason: String,
        /// Whether what was computed is what was issued, so that it can be put back.
        can_be_put_back: bool,
    },
}

/// A form that was not compared, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Skipped {
    /// Which.
    pub form: String,
    /// Why.
    pub reason: String,
}

/// A document again.
#[derive(Debug, Clone)]
pub struct Regenerated {
    /// As it was computed.
    pub made: Made,
    /// What was stored of it.
    pub artefacts: Vec<Artefact>,
    /// What came out the same.
    pub equal: Vec<Form>,
    /// What did not.
    pub findings: Vec<Finding>,
    /// What could not be compared.
    pub skipped: Vec<Skipped>,
}

/// What regenerating reads.
#[derive(Debug, Clone, Copy)]
pub struct Regenerating<'r> {
    /// Documents, bases, segments, parts.
    pub archive: &'r Archive,
    /// What was issued.
    pub catalog: &'r dyn Catalog,
    /// Who sets pages.
    pub paper: &'r dyn Paper,
    /// Segments, or clicks and rulings.
    pub origin: Origin<'r>,
}

impl Regenerating<'_> {
    /// Computes a document again and compares all that is stored of it; `None` if none was issued under the number.
    /// `usage` is that of its basis, for whoever has summed it already.
    ///
    /// # Errors
    /// What is missing or damaged of what it is computed from, by name; [`Error::Contradiction`] if clicks or rulings
    /// are not those that its basis names.
    pub async fn run(&self, number: &DocumentNumber, usage: Option<&Usage>) -> Result<Option<Regenerated>, Error> {
        let Some(DocumentRecord { document: issued, artefacts }) = self.catalog.document(number).await? else {
            return Ok(None);
        };
        let stored = self.stored(&issued, &artefacts).await?;
        let before = self.before(&issued).await?;
        let account = &issued.facts.about;
        let counted = Counted {
            archive: self.archive,
            origin: self.origin,
            advertiser: &account.advertiser_id,
            currency: &account.currency,
        };
        let draft = compose::again(&counted, &stored.draft, usage, &before).await?;
        let mut findings = Vec::new();
        if draft.bill != stored.draft.bill {
            findings.push(Finding::Bill(Box::new(between(&stored.draft.bill, &draft.bill)?)));
        } else if draft != stored.draft {
            findings.push(Finding::Text("the hours that moved are others".to_owned()));
        }
        let template = template(self.archive, self.paper, stored.draft.pins.template.as_ref()).await?;
        let document = Document { draft, ..stored };
        let made = Made::of(document, self.paper, template.as_deref())?;
        let mut regenerated = Regenerated { made, artefacts, equal: Vec::new(), findings, skipped: Vec::new() };
        self.compare(&mut regenerated).await?;
        Ok(Some(regenerated))
    }

    /// The document as it was issued. If it is lost, its draft and the catalog say all of it.
    async fn stored(&self, issued: &Issued, artefacts: &[Artefact]) -> Result<Document, Error> {
        let lost = match kept::document(self.archive, issued, artefacts).await {
            Ok(document) => return Ok(document),
            Err(cause) if cause.is_transient() => return Err(cause),
            Err(cause) => cause,
        };
        let revisions =
            self.catalog.draft_revisions(&issued.draft.id, issued.draft.revision.saturating_sub(1), 1).await?;
        let Some(draft) = revisions.into_iter().find(|draft| draft.revision == issued.draft) else { return Err(lost) };
        let Ok(digest) = draft.text_digest.parse::<Digest>() else { return Err(lost) };
        let Ok(text) = self.archive.input(Input::Draft, &digest).await else { return Err(lost) };
        let draft = pinned(Draft::from_canonical(&text)?, self.paper);
        let day = issued.issued_on.parse().map_err(|_| {
            Error::Contradiction(format!("{} was issued on {:?}, which is no day", issued.number, issued.issued_on))
        })?;
        Ok(draft.issued(issued.number.number, day)?)
    }

    /// What was issued before it to the same account for the same period.
    async fn before(&self, issued: &Issued) -> Result<Vec<Document>, Error> {
        if issued.facts.kind == Kind::Invoice {
            return Ok(Vec::new());
        }
        let about: &AccountPeriod = &issued.facts.about;
        let links = chain::of_before(self.archive, self.catalog, about, issued.serial).await?;
        Ok(links.into_iter().map(|link| link.document).collect())
    }

    async fn compare(&self, regenerated: &mut Regenerated) -> Result<(), Error> {
        let Regenerated { made, artefacts, equal, findings, skipped } = regenerated;
        let renderer = made.document.draft.pins.renderer.as_deref();
        let is_same_renderer = renderer == Some(self.paper.renderer());
        for artefact in artefacts.iter() {
            let form = Form::parse(&artefact.format);
            let computed = form.and_then(|form| made.forms.iter().find(|(made, _)| *made == form));
            let Some((form, bytes)) = computed else {
                let reason = "this program does not make it".to_owned();
                skipped.push(Skipped { form: artefact.format.clone(), reason });
                continue;
            };
            let is_issued = Digest::of(bytes).to_string() == artefact.digest;
            match self.archive.get_file(&kept::file(artefact)).await {
                Ok(_) if is_issued => equal.push(*form),
                Ok(_) if *form == Form::Pdf && !is_same_renderer => {
                    let was = renderer.unwrap_or("nothing that it names");
                    let reason = format!("{was} set its pages, and this program has {}", self.paper.renderer());
                    skipped.push(Skipped { form: artefact.format.clone(), reason });
                }
                Ok(stored) => findings.push(Finding::Bytes { form: *form, reason: difference(&stored, bytes) }),
                Err(cause) if cause.is_transient() => return Err(cause.into()),
                Err(cause) => {
                    findings.push(Finding::Stored { form: *form, reason: causes(&cause), can_be_put_back: is_issued });
                }
            }
        }
        Ok(())
    }

    /// Puts those forms back that are missing or damaged and came out as they were issued. Returns which.
    ///
    /// # Errors
    /// As the archive reports.
    pub async fn repair(&self, regenerated: &Regenerated) -> Result<Vec<Form>, Error> {
        let mut put_back = Vec::new();
        for finding in &regenerated.findings {
            let Finding::Stored { form, can_be_put_back: true, .. } = finding else { continue };
            let artefact = regenerated.artefacts.iter().find(|artefact| artefact.format == form.as_str());
            let computed = regenerated.made.forms.iter().find(|(made, _)| made == form);
            if let (Some(artefact), Some((_, bytes))) = (artefact, computed) {
                self.archive.restore_document(&kept::file(artefact), bytes.clone()).await?;
                put_back.push(*form);
            }
        }
        Ok(put_back)
    }
}

/// A draft with what will set its pages.
pub(crate) fn pinned(mut draft: Draft, paper: &dyn Paper) -> Draft {
    draft.pins.template = paper.chosen();
    draft.pins.renderer = Some(paper.renderer().to_owned());
    draft
}

/// The template that a document pins: one that ships with the program, or one of the archive.
///
/// # Errors
/// That it is missing or damaged, by name; archive out of reach.
pub(crate) async fn template(
    archive: &Archive,
    paper: &dyn Paper,
    digest: Option<&Digest>,
) -> Result<Option<Bytes>, Error> {
    let Some(digest) = digest else { return Ok(None) };
    match paper.template(digest) {
        Some(bytes) => Ok(Some(bytes)),
        None => Ok(Some(archive.input(Input::Template, digest).await?)),
    }
}

/// Where two files part.
fn difference(stored: &[u8], computed: &[u8]) -> String {
    let at = stored.iter().zip(computed).take_while(|(one, other)| one == other).count();
    let line = stored[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
    let (was, is) = (stored.len(), computed.len());
    format!("stored are {was} bytes, computed {is}; they part at byte {at}, in line {line}")
}
