//! Rows of invoicing.

use super::reader::Reader;
use crate::{
    error::Error,
    invoicing::{
        AccountPeriod, Artefact, Cycle, Dispute, Document, DocumentNumber, Draft, DraftRevision, DraftState, Facts,
        Kind, NewDispute, NewPeriod, Original, Period, Resolution, Terms,
        digests::{self, Texts},
    },
    session::Fields,
};

impl Reader<'_> {
    /// `None` where the number is 0.
    fn maybe_document(&self, series: &str, number: &str) -> Result<Option<DocumentNumber>, Error> {
        match self.count(number)? {
            0 => Ok(None),
            found => Ok(Some(DocumentNumber { series: self.text(series)?, number: found })),
        }
    }

    fn about(&self) -> Result<AccountPeriod, Error> {
        let (period, advertiser_id) = (self.text("period")?, self.text("advertiser_id")?);
        let about = AccountPeriod { period, advertiser_id, currency: self.text("currency")? };
        let key = self.text("account_period")?;
        if key == about.to_string() { Ok(about) } else { Err(self.corrupt("account_period", &key)) }
    }

    fn facts(&self) -> Result<Facts, Error> {
        let total = self.text("total_minor")?;
        let original = match self.maybe_document("original_series", "original_number")? {
            None => None,
            Some(document) => Some(Original { document, reason: self.text("reason")? }),
        };
        Ok(Facts {
            about: self.about()?,
            zone: self.text("zone")?,
            kind: self.named("kind", Kind::parse)?,
            original,
            terms_version: self.count("terms_version")?,
            total_minor: total.parse().map_err(|_| self.corrupt("total_minor", &total))?,
            lines: self.count("lines")?,
            inputs: self.text("inputs_digest")?,
            basis: self.text("basis_digest")?,
        })
    }

    fn draft_revision(&self) -> Result<DraftRevision, Error> {
        Ok(DraftRevision { id: self.text("draft_id")?, revision: self.count("revision")? })
    }
}

pub(crate) fn terms(fields: &dyn Fields) -> Result<Terms, Error> {
    let row = Reader::of("terms", &["advertiser_id", "version"], fields);
    let terms = Terms {
        advertiser_id: row.text("advertiser_id")?,
        version: row.count("version")?,
        valid_from: row.text("valid_from")?,
        text: row.text("text")?,
        digest: row.text("text_digest")?,
        created_at: row.time("created_at")?,
        created_by: row.text("created_by")?,
    };
    row.check(&digests::terms(&terms))?;
    Ok(terms)
}

pub(crate) fn period(fields: &dyn Fields) -> Result<Period, Error> {
    let row = Reader::of("periods", &["period", "zone"], fields);
    let state = row.text("state")?;
    let closed = match state.as_str() {
        "open" => None,
        "closed" => Some((row.time("closed_at")?, row.text("closed_by")?)),
        _ => return Err(row.corrupt("state", &state)),
    };
    let frozen = NewPeriod {
        name: row.text("period")?,
        zone: row.text("zone")?,
        cycle: row.named("cycle", Cycle::parse)?,
        from: row.time("from_at")?,
        to: row.time("to_at")?,
        tzdb: row.text("tzdb")?,
    };
    let period = Period { frozen, created_at: row.time("created_at")?, created_by: row.text("created_by")?, closed };
    row.check(&digests::period(&period))?;
    Ok(period)
}

pub(crate) fn draft(fields: &dyn Fields) -> Result<Draft, Error> {
    let row = Reader::of("drafts", &["draft_id", "revision"], fields);
    let draft = Draft {
        revision: row.draft_revision()?,
        serial: row.count("serial")?,
        is_newest: row.flag("is_newest")?,
        facts: row.facts()?,
        text_digest: row.text("text_digest")?,
        text_bytes: row.count("text_bytes")?,
        state: row.named("state", DraftState::parse)?,
        created_at: row.time("created_at")?,
        created_by: row.text("created_by")?,
        changed_at: row.time("changed_at")?,
        changed_by: row.text("changed_by")?,
    };
    row.check(&digests::draft(&draft, &Texts::of(&draft.facts)))?;
    Ok(draft)
}

pub(crate) fn document(fields: &dyn Fields) -> Result<Document, Error> {
    let row = Reader::of("documents", &["series", "number"], fields);
    let document = Document {
        number: DocumentNumber { series: row.text("series")?, number: row.count("number")? },
        draft: row.draft_revision()?,
        serial: row.count("serial")?,
        facts: row.facts()?,
        issued_on: row.text("issued_on")?,
        due_on: row.text("due_on")?,
        digest: row.text("document_digest")?,
        issued_at: row.time("issued_at")?,
        issued_by: row.text("issued_by")?,
        logged: row.maybe_position("log_position")?,
    };
    row.check(&digests::document(&document, &Texts::of(&document.facts)))?;
    Ok(document)
}

/// With the document that it was made of.
pub(crate) fn artefact(fields: &dyn Fields) -> Result<(DocumentNumber, Artefact), Error> {
    let row = Reader::of("artefacts", &["series", "number", "format"], fields);
    let of = DocumentNumber { series: row.text("series")?, number: row.count("number")? };
    let artefact = Artefact {
        format: row.text("format")?,
        key: row.text("artefact_key")?,
        digest: row.text("artefact_digest")?,
        bytes: row.count("bytes")?,
    };
    row.check(&digests::artefact(&of, &artefact))?;
    Ok((of, artefact))
}

pub(crate) fn dispute(fields: &dyn Fields) -> Result<Dispute, Error> {
    let row = Reader::of("disputes", &["dispute"], fields);
    let state = row.text("state")?;
    let closed = match state.as_str() {
        "open" => None,
        "closed" => {
            Some(Resolution { text: row.text("resolution")?, at: row.time("closed_at")?, by: row.text("closed_by")? })
        }
        _ => return Err(row.corrupt("state", &state)),
    };
    let dispute = Dispute {
        number: row.int("dispute")?,
        opened: NewDispute {
            about: row.about()?,
            document: row.maybe_document("document_series", "document_number")?,
            reason: row.text("reason")?,
        },
        opened_at: row.time("opened_at")?,
        opened_by: row.text("opened_by")?,
        closed,
    };
    row.check(&digests::dispute(&dispute, &dispute.opened.about.to_string()))?;
    Ok(dispute)
}

/// A number that a query counts.
pub(crate) fn number(fields: &dyn Fields) -> Result<u32, Error> {
    Reader::of("documents", &[], fields).count("number")
}

/// How many rows there are.
pub(crate) fn counted(fields: &dyn Fields) -> Result<i64, Error> {
    Reader::of("disputes", &[], fields).int("number")
}

/// What a contradiction is about.
pub(crate) fn named(fields: &dyn Fields) -> Result<String, Error> {
    Reader::of("documents", &[], fields).text("named")
}
