//! Rejected events leave what arrived with them, if somebody is to be erased who stands in it.
//!
//! A log is never written over: its frames are appended again, without what is to go, and then the old ones are
//! trimmed. Whatever refers to a rejected event does so by its position, so a copy says where its rows stood first, in
//! the identity of its writer. *Dies in between: the next call copies what is not copied yet, and trims.*

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use arrow::array::{Array as _, ArrayRef, AsArray as _, BinaryArray, RecordBatch, StringArray};
use uuid::Uuid;

use crate::{
    frame::{self, Header, Writer},
    log::{self, Log, Logged, ReadLimit},
    position::{Epoch, Position, Seq},
};

/// How the identities of copies begin.
const MAGIC: [u8; 5] = *b"ctrej";
/// What stands in the place of what a person should read.
const ERASED: &str = "what arrived was erased";

/// Why the log was not written again. The same call goes on where it ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log did not do it.
    #[error("write the rejected log again")]
    Log(#[from] log::Error),
    /// A frame cannot be read, or not be written again.
    #[error("write frame {seq} of the rejected log again")]
    Frame {
        /// The frame.
        seq: Seq,
        /// Why.
        #[source]
        source: frame::Error,
    },
}

/// What a copy is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Copied {
    /// How often it was copied.
    times: u8,
    /// The frame that it was first.
    origin: Seq,
}

impl Copied {
    fn of(header: &Header) -> Option<Self> {
        let bytes = header.writer.as_bytes();
        let (times, mut seq) = (bytes[MAGIC.len()], [0; 8]);
        seq[3..].copy_from_slice(&bytes[11..]);
        let found = Self { times, origin: Seq::new(u64::from_be_bytes(seq))? };
        (found.identity() == header.writer).then_some(found)
    }

    fn identity(self) -> Uuid {
        let mut bytes = [0; 16];
        bytes[..MAGIC.len()].copy_from_slice(&MAGIC);
        bytes[MAGIC.len()] = self.times;
        bytes[11..].copy_from_slice(&self.origin.get().to_be_bytes()[3..]);
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }
}

/// The position of the first row of a frame of the rejected log, by which its rows are known: where they stood first.
pub fn position(epoch: Epoch, logged: &Logged) -> Position {
    let origin = Copied::of(&logged.frame.header).map_or(logged.seq, |copied| copied.origin);
    Position::new(epoch, origin, 0)
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forgotten {
    /// Rows of which nothing is left but when, where and why they were rejected.
    pub rows: u64,
    /// The last frame that was looked at.
    pub through: Seq,
}

/// How many rows behind the frame `after` name somebody, as `names` says of their texts.
///
/// # Errors
/// See [`Error`].
pub async fn look(log: &dyn Log, after: Seq, names: &(dyn Fn(&str) -> bool + Sync)) -> Result<Forgotten, Error> {
    let info = log.info().await?;
    let (mut next, mut rows) = (info.first.max(after.next()), 0);
    while next <= info.last {
        let frames = log.read(next, ReadLimit::waiting(Duration::ZERO)).await?;
        let Some(last) = frames.last().map(|frame| frame.seq) else { break };
        for logged in &frames {
            rows += named(&decode(logged)?, names).iter().filter(|named| **named).count() as u64;
        }
        next = last.next();
    }
    Ok(Forgotten { rows, through: info.last })
}

/// Erases what arrived with rejected events that name somebody.
///
/// # Errors
/// See [`Error`].
pub async fn forget(log: &dyn Log, after: Seq, names: &(dyn Fn(&str) -> bool + Sync)) -> Result<Forgotten, Error> {
    if let Some(begun) = unfinished(log).await? {
        copy_before(log, begun, names).await?;
    }
    // Whoever trimmed may have died before the file was scrubbed.
    let mut is_trimmed = after == Seq::ZERO && log.info().await?.first > Seq::FIRST;
    let mut found = look(log, after, names).await?;
    if found.rows > 0 {
        let times = newest(log).await?.map_or(1, |(copied, _)| copied.times.wrapping_add(1));
        copy_before(log, Begun { times, first: None }, names).await?;
        found.through = log.info().await?.last;
        is_trimmed = true;
    }
    if is_trimmed {
        log.scrub().await?;
    }
    Ok(found)
}

/// A run of copies.
#[derive(Debug, Clone, Copy)]
struct Begun {
    times: u8,
    /// Its first frame; everything before it is to be copied and trimmed.
    first: Option<Seq>,
}

/// A run that did not come to its end.
async fn unfinished(log: &dyn Log) -> Result<Option<Begun>, Error> {
    let Some((copied, first)) = newest(log).await? else { return Ok(None) };
    let is_begun = log.info().await?.first < first;
    Ok(is_begun.then_some(Begun { times: copied.times, first: Some(first) }))
}

/// The run of copies that was begun last: one of its frames, and where it begins.
async fn newest(log: &dyn Log) -> Result<Option<(Copied, Seq)>, Error> {
    let mut found: Option<(Copied, Seq)> = None;
    each(log, Seq::MAX, |logged| {
        if let Some(copied) = Copied::of(&logged.frame.header)
            && found.is_none_or(|(newest, _)| newest.times < copied.times)
        {
            found = Some((copied, logged.seq));
        }
        Ok(())
    })
    .await?;
    Ok(found)
}

/// Copies what stands before a run of copies and is not in it, and trims it.
async fn copy_before(log: &dyn Log, begun: Begun, names: &(dyn Fn(&str) -> bool + Sync)) -> Result<(), Error> {
    let Begun { times, mut first } = begun;
    let mut known = BTreeSet::new();
    each(log, Seq::MAX, |logged| {
        known.extend(Copied::of(&logged.frame.header).filter(|copied| copied.times == times));
        Ok(())
    })
    .await?;
    loop {
        let info = log.info().await?;
        let end = first.unwrap_or(info.last.next());
        let (mut next, mut copied_now) = (info.first, false);
        while next < end {
            let frames = log.read(next, ReadLimit::waiting(Duration::ZERO)).await?;
            let Some(last) = frames.last().map(|frame| frame.seq) else { break };
            for logged in frames.iter().filter(|logged| logged.seq < end) {
                let origin = Copied::of(&logged.frame.header).map_or(logged.seq, |copied| copied.origin);
                let copied = Copied { times, origin };
                if known.insert(copied) {
                    let seq = log.append(&copy(logged, copied, names)?).await?.seq;
                    first = Some(first.map_or(seq, |first| first.min(seq)));
                    copied_now = true;
                }
            }
            next = last.next();
        }
        // Somebody may have appended between the last frame that was seen and the first copy.
        if !copied_now {
            break;
        }
    }
    if let Some(first) = first {
        log.trim(first).await?;
    }
    Ok(())
}

async fn each(
    log: &dyn Log,
    before: Seq,
    mut see: impl FnMut(&Logged) -> Result<(), Error> + Send,
) -> Result<(), Error> {
    let info = log.info().await?;
    let mut next = info.first;
    while next <= info.last && next < before {
        let frames = log.read(next, ReadLimit::waiting(Duration::ZERO)).await?;
        let Some(last) = frames.last().map(|frame| frame.seq) else { break };
        frames.iter().try_for_each(&mut see)?;
        next = last.next();
    }
    Ok(())
}

fn decode(logged: &Logged) -> Result<RecordBatch, Error> {
    logged.frame.decode().map_err(|source| Error::Frame { seq: logged.seq, source })
}

/// Of each row whether what arrived with it names somebody.
fn named(rows: &RecordBatch, names: &dyn Fn(&str) -> bool) -> Vec<bool> {
    let originals = rows.column_by_name("original").and_then(|column| column.as_binary_opt::<i32>());
    let details = rows.column_by_name("detail").and_then(|column| column.as_string_opt::<i32>());
    let is_named = |row: usize| {
        let original = originals.is_some_and(|texts| names(&String::from_utf8_lossy(texts.value(row))));
        original || details.is_some_and(|texts| names(texts.value(row)))
    };
    (0..rows.num_rows()).map(is_named).collect()
}

fn copy(logged: &Logged, copied: Copied, names: &dyn Fn(&str) -> bool) -> Result<frame::Frame, Error> {
    let rows = decode(logged)?;
    let gone = named(&rows, names);
    let (schema, mut columns) = (rows.schema(), rows.columns().to_vec());
    for (field, column) in schema.fields().iter().zip(&mut columns) {
        let kept = |row: &usize| !gone[*row];
        if let Some(texts) = column.as_binary_opt::<i32>() {
            let values = (0..texts.len()).map(|row| if kept(&row) { texts.value(row) } else { b"".as_slice() });
            *column = Arc::new(values.map(Some).collect::<BinaryArray>()) as ArrayRef;
        } else if field.name() == "detail"
            && let Some(texts) = column.as_string_opt::<i32>()
        {
            let values = (0..texts.len()).map(|row| if kept(&row) { texts.value(row) } else { ERASED });
            *column = Arc::new(values.map(Some).collect::<StringArray>()) as ArrayRef;
        }
    }
    let failed = |source| Error::Frame { seq: logged.seq, source };
    let rows =
        RecordBatch::try_new(schema, columns).map_err(|error| failed(frame::Error::Malformed(error.to_string())))?;
    let header = &logged.frame.header;
    Writer::new(copied.identity(), 1).seal(&rows, (header.first_captured, header.last_captured)).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        embedded::EmbeddedLog,
        log::Stream,
        rejected::{Rejected, RejectedBuilder},
        testing::clock,
        time::Timestamp,
    };

    const ADA: &str = "ada-lovelace-0815";

    async fn bed(directory: &std::path::Path) -> EmbeddedLog {
        let log = EmbeddedLog::open(&directory.join("rejected.sqlite"), Stream::Rejected, clock()).await.unwrap();
        let mut writer = Writer::new(Uuid::from_u128(3), 1);
        for frame in 0..6_i64 {
            let mut builder = RejectedBuilder::with_capacity(2);
            for row in 0..2 {
                let who = if (frame, row) == (2, 1) { ADA } else { "somebody" };
                let original = format!("{{\"user_id\":\"{who}\",\"n\":{frame}{row}}}");
                builder.push(&Rejected {
                    rejected_at: Timestamp::from_micros(frame),
                    source: "http /v1/events".into(),
                    item: row,
                    code: "price".into(),
                    detail: "no price".into(),
                    original: original.into_bytes().into(),
                });
            }
            let at = Timestamp::from_micros(frame);
            log.append(&writer.seal(&builder.finish(), (at, at)).unwrap()).await.unwrap();
        }
        log
    }

    /// Each row by the position by which it is known.
    async fn rows(log: &EmbeddedLog) -> Vec<(String, String)> {
        let info = log.info().await.unwrap();
        let frames = log.read(info.first, ReadLimit::waiting(Duration::ZERO)).await.unwrap();
        let mut all = Vec::new();
        for logged in &frames {
            let (first, rows) = (position(info.epoch, logged), logged.frame.decode().unwrap());
            let originals = rows.column_by_name("original").unwrap().as_binary::<i32>();
            for row in 0..rows.num_rows() {
                let text = String::from_utf8(originals.value(row).to_vec()).unwrap();
                all.push((first.plus_rows(u16::try_from(row).unwrap()).to_string(), text));
            }
        }
        all
    }

    fn names(text: &str) -> bool {
        text.contains(ADA)
    }

    #[tokio::test]
    async fn what_arrived_goes_and_every_row_is_known_by_the_position_that_it_had() {
        let directory = tempfile::tempdir().unwrap();
        let log = bed(directory.path()).await;
        let before = rows(&log).await;
        let none = forget(&log, Seq::ZERO, &|text| text.contains("nobody")).await.unwrap();
        assert_eq!((none.rows, none.through.get()), (0, 6));
        assert_eq!(log.info().await.unwrap().first, Seq::FIRST, "nothing is written again for nobody");

        let done = forget(&log, Seq::ZERO, &names).await.unwrap();
        assert_eq!((done.rows, done.through.get(), log.info().await.unwrap().first.get()), (1, 12, 7));
        let after = rows(&log).await;
        for ((position, text), (known, left)) in before.iter().zip(&after) {
            let expected = if text.contains(ADA) { "" } else { text };
            assert_eq!((position, expected), (known, left.as_str()));
        }
        assert_eq!(forget(&log, done.through, &names).await.unwrap().rows, 0);
        // A copy of copies is known by the first positions too.
        assert_eq!(forget(&log, Seq::ZERO, &|text| text.contains("somebody")).await.unwrap().rows, 11);
        let known = |rows: &[(String, String)]| rows.iter().map(|(position, _)| position.clone()).collect::<Vec<_>>();
        assert_eq!(known(&rows(&log).await), known(&before));
        let bytes = ["rejected.sqlite", "rejected.sqlite-wal"].map(|name| std::fs::read(directory.path().join(name)));
        let holds = |bytes: &[u8]| bytes.windows(9).any(|window| window == b"user_id\":");
        assert!(bytes.into_iter().flatten().all(|bytes| !holds(&bytes)), "no free page keeps what was trimmed");
    }

    #[tokio::test]
    async fn whoever_dies_while_copying_is_followed_by_one_who_finishes() {
        let directory = tempfile::tempdir().unwrap();
        let log = bed(directory.path()).await;
        let before = rows(&log).await;
        // Three of six were copied, and somebody else appended meanwhile.
        let frames = log.read(Seq::FIRST, ReadLimit::waiting(Duration::ZERO)).await.unwrap();
        for logged in &frames[..3] {
            log.append(&copy(logged, Copied { times: 1, origin: logged.seq }, &names).unwrap()).await.unwrap();
        }
        let late = frames[0].frame.decode().unwrap();
        let late =
            Writer::new(Uuid::from_u128(9), 1).seal(&late, (Timestamp::from_micros(9), Timestamp::from_micros(9)));
        log.append(&late.unwrap()).await.unwrap();
        forget(&log, Seq::ZERO, &names).await.unwrap();
        let after = rows(&log).await;
        assert_eq!(after.len(), before.len() + 2);
        assert!(after.iter().all(|(_, text)| !text.contains(ADA)));
        for (position, text) in before.iter().filter(|(_, text)| !text.contains(ADA)) {
            assert_eq!(after.iter().filter(|row| **row == (position.clone(), text.clone())).count(), 1, "{position}");
        }
    }
}
