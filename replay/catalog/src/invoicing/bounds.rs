//! How large what is stored may be: whatever comes from outside is refused, by its name, before it is stored.

use super::{
    document::{Artefact, NewDocument},
    draft::{AccountPeriod, Facts, Kind, NewDraft},
    number::DocumentNumber,
    period::NewPeriod,
    terms::{NewTerms, Terms},
};
use crate::error::Error;

/// So many drafts, documents or terms in one transaction: more make others wait too long for the lock.
pub const AT_ONCE_MAX: usize = 1_000;
/// So many rows in a page, whatever is asked for: some ten megabytes.
pub const PAGE_MAX: u32 = 10_000;
/// So many terms in a page, of which each may be large.
pub const TERMS_PAGE_MAX: u32 = 500;
/// The size of terms.
pub const TERMS_BYTES_MAX: usize = 64 << 10;
/// What people write, as reasons.
const WORDS_BYTES_MAX: usize = 4 << 10;
/// Names and ids. PostgreSQL's indexes take keys of 2,704 bytes, and some of ours hold two names.
const NAME_BYTES_MAX: usize = 512;
/// Keys in the archive.
const KEY_BYTES_MAX: usize = 2 << 10;
/// Formats of one document.
const ARTEFACTS_MAX: usize = 16;

const _: () = assert!(2 * NAME_BYTES_MAX + 64 <= 2_704, "an index of PostgreSQL takes two names");
const _: () = assert!(TERMS_PAGE_MAX as usize * TERMS_BYTES_MAX <= 32 << 20, "a page of terms fits in memory");

/// How many are taken at once.
pub(crate) fn at_once(count: usize, what: &str) -> Result<(), Error> {
    if count <= AT_ONCE_MAX {
        return Ok(());
    }
    Err(Error::Refused(format!("{count} {what} at once, more than {AT_ONCE_MAX}")))
}

/// What a person wrote.
pub(crate) fn words(what: &str, text: &str) -> Result<(), Error> {
    size(what, text, WORDS_BYTES_MAX)
}

fn size(what: &str, text: &str, max: usize) -> Result<(), Error> {
    if text.len() > max {
        return Err(Error::Refused(format!("{what} of {} bytes, more than {max}", text.len())));
    }
    // PostgreSQL cannot store it.
    if text.contains('\0') { Err(Error::Refused(format!("{what} with a character U+0000"))) } else { Ok(()) }
}

/// A name that has to be there.
fn name(what: &str, text: &str) -> Result<(), Error> {
    if text.is_empty() {
        return Err(Error::Refused(format!("an empty {what}")));
    }
    size(what, text, NAME_BYTES_MAX)
}

fn digest(what: &str, text: &str) -> Result<(), Error> {
    let is_digest = text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if is_digest { Ok(()) } else { Err(Error::Refused(format!("{what} {text:?}, which is no SHA-256"))) }
}

/// Dates are compared as texts, so all have one form.
pub(crate) fn date(what: &str, text: &str) -> Result<(), Error> {
    let is_date = text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if is_date { Ok(()) } else { Err(Error::Refused(format!("{what} {text:?}, which is not as in 2026-03-31"))) }
}

pub(crate) fn terms(terms: &NewTerms) -> Result<(), Error> {
    size("advertiser", &terms.advertiser_id, NAME_BYTES_MAX)?;
    let whose = if terms.advertiser_id.is_empty() { "the seller" } else { &terms.advertiser_id };
    date(&format!("valid-from date of {whose}"), &terms.valid_from)?;
    digest(&format!("digest of the terms of {whose}"), &terms.digest)?;
    size(&format!("terms of {whose}"), &terms.text, TERMS_BYTES_MAX)
}

/// Terms that come back as they were stored.
pub(crate) fn kept_terms(kept: &Terms) -> Result<(), Error> {
    let Terms { advertiser_id, version, valid_from, text, digest, created_at: _, created_by } = kept;
    let new = NewTerms {
        advertiser_id: advertiser_id.clone(),
        valid_from: valid_from.clone(),
        text: text.clone(),
        digest: digest.clone(),
    };
    terms(&new)?;
    words("name of who stored terms", created_by)?;
    if *version == 0 { Err(Error::Refused(format!("version 0 of the terms of {advertiser_id}"))) } else { Ok(()) }
}

pub(crate) fn period(period: &NewPeriod) -> Result<(), Error> {
    const MINUTE_MICROS: i64 = 60_000_000;
    name("period", &period.name)?;
    name("zone", &period.zone)?;
    name("edition of the zones' rules", &period.tzdb)?;
    let (from, to) = (period.from.micros(), period.to.micros());
    if from >= to || from % MINUTE_MICROS != 0 || to % MINUTE_MICROS != 0 {
        let (name, zone) = (&period.name, &period.zone);
        return Err(Error::Refused(format!("period {name} of {zone} from {from} to {to}: not whole minutes in order")));
    }
    Ok(())
}

pub(crate) fn about(about: &AccountPeriod) -> Result<(), Error> {
    name("period", &about.period)?;
    name("advertiser", &about.advertiser_id)?;
    let is_currency = about.currency.len() == 3 && about.currency.bytes().all(|byte| byte.is_ascii_uppercase());
    if !is_currency || about.period.contains('.') {
        return Err(Error::Refused(format!("{about}: a period has no dot, and a currency three capital letters")));
    }
    Ok(())
}

fn facts(facts: &Facts) -> Result<(), Error> {
    about(&facts.about)?;
    name("zone", &facts.zone)?;
    digest("digest of inputs", &facts.inputs)?;
    digest("digest of a basis", &facts.basis)?;
    match (facts.kind, &facts.original) {
        (Kind::Invoice, None) => Ok(()),
        (Kind::CreditNote | Kind::DebitNote, Some(original)) => {
            number(&original.document)?;
            name("reason of a note", &original.reason)
        }
        (Kind::Invoice, Some(_)) | (Kind::CreditNote | Kind::DebitNote, None) => {
            Err(Error::Refused(format!("{}: a note is about an invoice, and an invoice about none", facts.about)))
        }
    }
}

pub(crate) fn draft(draft: &NewDraft) -> Result<(), Error> {
    facts(&draft.facts)?;
    digest("digest of a draft", &draft.text_digest)
}

pub(crate) fn number(number: &DocumentNumber) -> Result<(), Error> {
    name("series", &number.series)?;
    if number.number == 0 { Err(Error::Refused(format!("number {number}: the first is 1"))) } else { Ok(()) }
}

pub(crate) fn document(document: &NewDocument) -> Result<(), Error> {
    number(&document.number)?;
    date("date of issue", &document.issued_on)?;
    date("due date", &document.due_on)?;
    digest("digest of a document", &document.digest)?;
    artefacts(&document.number, &document.artefacts)
}

fn artefacts(of: &DocumentNumber, artefacts: &[Artefact]) -> Result<(), Error> {
    if artefacts.is_empty() || artefacts.len() > ARTEFACTS_MAX {
        let count = artefacts.len();
        return Err(Error::Refused(format!("{of} with {count} artefacts: there are 1 to {ARTEFACTS_MAX}")));
    }
    for (index, artefact) in artefacts.iter().enumerate() {
        name("format", &artefact.format)?;
        size("key of an artefact", &artefact.key, KEY_BYTES_MAX)?;
        digest("digest of an artefact", &artefact.digest)?;
        if artefacts[..index].iter().any(|other| other.format == artefact.format) {
            return Err(Error::Refused(format!("{of} with {} twice", artefact.format)));
        }
    }
    Ok(())
}

pub(crate) fn record(document: &super::document::DocumentRecord) -> Result<(), Error> {
    let of = &document.document;
    facts(&of.facts)?;
    number(&of.number)?;
    date("date of issue", &of.issued_on)?;
    date("due date", &of.due_on)?;
    digest("digest of a document", &of.digest)?;
    artefacts(&of.number, &document.artefacts)
}
