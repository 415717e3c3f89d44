//! Whether what a receipt promised was kept: the event of the receipt is the one at its place in the log.
//!
//! A bundle keeps a promise with the row, and breaks it with another row in its place, with all of the advertiser's
//! rows and none there, or with frames that end before it although the hours behind it are sealed.

use serde::Deserialize;

use super::{
    failure::{Failure, Kind, causes},
    manifest::{Manifest, show},
    opened::Opened,
    report::Report,
    signed::Trust,
};
use crate::{
    bundle::{
        columns::{EVENTS_SCHEMA, ROWS, at::rows},
        contents, names,
        table::Row,
        time::{Hour, Instant},
        zip::Source,
    },
    hash::Hash,
    note::NoteError,
    receipt::{self, Receipt, SignedReceipt},
};

/// Where a failure is that is not in the bundle.
const RECEIPT: &str = "receipt";
/// Bytes that a manifest keeps of the digest of a frame that is not a writer's last.
const REMEMBERED: usize = 16;

/// A promise that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Where the event is.
    pub position: i64,
    /// Whether the manifest of the hour remembers the frame too, by its digest: it does of a writer's last frames.
    pub names_frame: bool,
}

/// Checks who signed a receipt, and that a bundle which was proved has what it promises.
pub(super) fn check(source: &dyn Source, trust: &Trust, receipt: &[u8], report: &mut Report) -> Result<(), Failure> {
    let signed = SignedReceipt::read(receipt);
    let signed = signed.map_err(|error| Failure::new(Kind::Unreadable, RECEIPT, causes(&error)))?;
    let by = signed.signed_by(&trust.keys).map_err(|error| of_note(&error))?;
    let by: Vec<_> = by.iter().map(|signed| format!("{} ({})", signed.key.name(), signed.key.id())).collect();
    if by.is_empty() {
        let reason = match signed.is_signed() {
            true => "none of the keys that you gave signed it",
            false => "it is unsigned: it binds nobody",
        };
        return Err(Failure::new(Kind::Untrusted, RECEIPT, reason));
    }
    let receipt = signed.receipt();
    let kept = kept(source, receipt)?;
    let (event, by) = (&receipt.event_id, by.join(", "));
    report.proven.push(format!(
        "The receipt of the event {event:?}, signed by {by}, was kept: the row at {} is the one that was captured.",
        show(kept.position)
    ));
    if kept.names_frame {
        report.proven.push(format!("The manifest of its hour remembers the frame {}, too.", receipt.frame.name));
    } else {
        report.not_proven.push(format!(
            "That the event came in the frame {}: manifests remember a writer's last frames alone.",
            receipt.frame.name
        ));
    }
    Ok(())
}

/// Holds a receipt against a bundle that was proved, whoever signed it.
///
/// # Errors
/// [`Kind::Broken`] if the promise was not kept; [`Kind::Incomplete`] if the bundle does not tell.
pub fn kept(source: &dyn Source, receipt: &Receipt) -> Result<Kept, Failure> {
    let opened = Opened::open(source)?;
    let mut elsewhere = None;
    let mut table = opened.table(names::ROWS, &ROWS)?;
    while let Some(row) = table.next().map_err(|error| Failure::of_table(names::ROWS, &error))? {
        let position = row.int(rows::POSITION);
        let is_place = match receipt.position {
            Some(promised) => promised == position,
            None => position & i64::from(u16::MAX) == i64::from(receipt.frame.row),
        };
        let is_it = row.text(rows::EVENT_ID) == receipt.event_id && digest(&row) == receipt.row;
        match (is_place, is_it) {
            (true, true) => return Ok(Kept { position, names_frame: names_frame(&opened, position, receipt)? }),
            (true, false) if receipt.position.is_some() => return Err(broken(receipt, &other(&row, receipt))),
            (false, true) => elsewhere = Some(position),
            (true | false, false) => {}
        }
    }
    missing(&opened, receipt, elsewhere)
}

/// The digest of a row as it was captured.
fn digest(row: &Row<'_>) -> Hash {
    const BEHIND_LOGGED_AT: usize = 2;
    receipt::captured(row.values().skip(BEHIND_LOGGED_AT))
}

/// What is in the event's place.
fn other(row: &Row<'_>, receipt: &Receipt) -> String {
    match row.text(rows::EVENT_ID) {
        id if id == receipt.event_id => "it is there, and not as it was captured".to_owned(),
        id => format!("the event {id:?} is in its place"),
    }
}

fn broken(receipt: &Receipt, why: &str) -> Failure {
    let reason = format!("the event {:?} was promised at {}: {why}", receipt.event_id, receipt.place());
    Failure::new(Kind::Broken, RECEIPT, reason)
}

/// Why an event is not in a bundle: the promise is broken if the bundle shows that it should be.
fn missing(opened: &Opened<'_>, receipt: &Receipt, elsewhere: Option<i64>) -> Result<Kept, Failure> {
    let untold = |why: &str| Err(Failure::incomplete(RECEIPT, format!("the event {:?} {why}", receipt.event_id)));
    let Some(position) = receipt.position else {
        return untold("was captured while its frame was on the spool, and is not among the rows that are there");
    };
    if let Some(elsewhere) = elsewhere {
        return Err(broken(receipt, &format!("it is at {}", show(elsewhere))));
    }
    let hours = clicks(opened)?;
    let is_late = |manifest: &&Manifest| receipt.is_promised_before(manifest.hour, manifest.positions().end);
    if let Some(manifest) = hours.iter().find(is_late) {
        return Err(broken(receipt, &format!("the log ends before that, in {}, long behind it", manifest.hour)));
    }
    let subject = &opened.contents.subject;
    let is_asked = match subject.kind {
        contents::Kind::Events => {
            let at = Instant(receipt.event_time);
            subject.from.is_none_or(|from| from <= at) && subject.to.is_none_or(|to| at < to)
        }
        // What an invoice counts, and which event this is, tells nothing of others.
        contents::Kind::Invoice | contents::Kind::Event => false,
    };
    let is_covered = hours.iter().any(|manifest| manifest.positions().contains(&position));
    match is_asked && is_covered && subject.advertiser_id == receipt.advertiser_id {
        true => Err(broken(receipt, &format!("all rows of {} are there, and none is it", receipt.advertiser_id))),
        false => untold("is not what this bundle is about: ask for one of its position, or of its advertiser and time"),
    }
}

/// The manifests of hours of clicks.
fn clicks(opened: &Opened<'_>) -> Result<Vec<Manifest>, Failure> {
    let read = |hour| Manifest::read(names::CLICKS_STREAM, EVENTS_SCHEMA, hour, &bytes(opened, hour)?);
    opened.contents.clicks.iter().map(read).collect()
}

fn bytes(opened: &Opened<'_>, hour: Hour) -> Result<Vec<u8>, Failure> {
    opened.bytes(&names::manifest(names::CLICKS_STREAM, hour))
}

/// What a manifest remembers of a writer.
#[derive(Deserialize)]
struct Writer {
    writer: String,
    epoch: u32,
    number: u64,
    digest: String,
    #[serde(default)]
    recent: String,
}

#[derive(Deserialize)]
struct Writers {
    #[serde(default)]
    writers: Vec<Writer>,
    #[serde(default)]
    last_frames: Vec<Writer>,
}

/// Whether the manifest of the hour in which the event is remembers its frame.
fn names_frame(opened: &Opened<'_>, position: i64, receipt: &Receipt) -> Result<bool, Failure> {
    let hours = clicks(opened)?;
    let Some(manifest) = hours.iter().find(|manifest| manifest.positions().contains(&position)) else {
        return Ok(false);
    };
    // Fields that matter to nothing else, in bytes that were proved: what cannot be read remembers nothing.
    let writers: Option<Writers> = serde_json::from_slice(&bytes(opened, manifest.hour)?).ok();
    let remembers = |writer: &Writer| remembers(writer, receipt);
    Ok(writers.is_some_and(|all| all.writers.iter().chain(&all.last_frames).any(remembers)))
}

fn remembers(writer: &Writer, receipt: &Receipt) -> bool {
    let frame = &receipt.frame;
    let number = frame.name.strip_prefix(&format!("{}/{}/", writer.writer, writer.epoch));
    let Some(back) = number.and_then(|number| writer.number.checked_sub(number.parse().ok()?)) else { return false };
    let digest = frame.digest.to_string();
    // The digests of the frames before the last, the latest at the end.
    let remembered = || {
        let end = writer.recent.len().checked_sub(usize::try_from(back - 1).ok()?.checked_mul(2 * REMEMBERED)?)?;
        writer.recent.get(end.checked_sub(2 * REMEMBERED)?..end)
    };
    match back {
        0 => writer.digest == digest,
        _ => remembered().is_some_and(|remembered| digest.starts_with(remembered)),
    }
}

fn of_note(error: &NoteError) -> Failure {
    let kind = match error {
        NoteError::Malformed(_) | NoteError::BadSignature(_) => Kind::Integrity,
        NoteError::NotSigned(_) => Kind::Untrusted,
    };
    Failure::new(kind, RECEIPT, error.to_string())
}

#[cfg(test)]
mod tests;
