//! A list of clicks that somebody else keeps, line by line: it is compared with ours, and nothing of it is logged.

use std::{fs::File, path::Path};

use clicktrail_log::{frame::Digest, time::Timestamp};

use crate::{
    interpret::Interpreter,
    lines::Lines,
    listed::Fields,
    mapping::Mapping,
    reader::{self, Error},
    record::Reject,
};

/// A click, as the list names it.
#[derive(Debug, Clone, Copy)]
pub struct Listed<'l> {
    /// Its id, if the list has ids.
    pub event_id: Option<&'l str>,
    /// The ad, if the list has it.
    pub ad_id: Option<&'l str>,
    /// The campaign, if the list has it.
    pub campaign_id: Option<&'l str>,
    /// When it happened.
    pub time: Timestamp,
    /// What it costs.
    pub price_micros: i64,
    /// ISO 4217.
    pub currency: &'l str,
}

/// What one line of a list is.
#[derive(Debug)]
pub enum Line<'l> {
    /// A click.
    Click(Listed<'l>),
    /// Something else than a click, or of somebody else than who was asked for.
    Other,
    /// It cannot be read: a stable code, and a sentence for people.
    Unreadable(&'static str, String),
}

/// A list, as it is read.
#[derive(Debug)]
pub struct List {
    path: std::path::PathBuf,
    lines: Lines<File>,
    interpreter: Interpreter,
}

impl List {
    /// Opens a file, and reads its header if it has one.
    ///
    /// # Errors
    /// As [`Import::open`](crate::Import::open).
    pub fn open(path: &Path, mapping: Mapping) -> Result<Self, Error> {
        let read_error = |source| Error::Read { path: path.to_owned(), source };
        let mut lines = Lines::new(File::open(path).map_err(read_error)?);
        let interpreter = reader::interpreter(mapping, &mut lines, read_error)?;
        Ok(Self { path: path.to_owned(), lines, interpreter })
    }

    /// Shows the next line with its number, from 1; false at the end. Empty lines are passed over. Clicks of another
    /// advertiser are [`Line::Other`], where the list names advertisers.
    ///
    /// # Errors
    /// [`Error::Read`]; what the first bytes of the file say about it.
    pub fn next(&mut self, advertiser: &str, take: impl FnOnce(u64, Line<'_>)) -> Result<bool, Error> {
        let Self { path, lines, interpreter } = self;
        let line = lines.next().map_err(|source| Error::Read { path: path.clone(), source })?;
        let Some(line) = line else { return Ok(false) };
        reader::check_bytes(line.number, line.bytes)?;
        let number = line.number + 1;
        if line.cut {
            let Reject { code, detail } = reader::too_long();
            take(number, Line::Unreadable(code, detail));
            return Ok(true);
        }
        let mut take = Some(take);
        let read = interpreter.listed(line.bytes, |fields| {
            let take = take.take().expect("a line is shown once");
            take(number, shown(fields, advertiser));
        });
        if let (Err(Reject { code, detail }), Some(take)) = (read, take) {
            take(number, Line::Unreadable(code, detail));
        }
        Ok(true)
    }

    /// SHA-256 of what was read so far: of the file, at its end.
    pub fn digest(&self) -> Digest {
        self.lines.digest()
    }
}

fn shown<'f>(fields: &'f Fields<'_>, advertiser: &str) -> Line<'f> {
    let is_click = fields.kind.as_deref().is_none_or(|kind| kind == "click");
    let is_theirs = fields.advertiser_id.as_deref().is_none_or(|of| of == advertiser);
    if !is_click || !is_theirs {
        return Line::Other;
    }
    Line::Click(Listed {
        event_id: fields.event_id.as_deref(),
        ad_id: fields.ad_id.as_deref(),
        campaign_id: fields.campaign_id.as_deref(),
        time: fields.time,
        price_micros: fields.price_micros,
        currency: &fields.currency,
    })
}
