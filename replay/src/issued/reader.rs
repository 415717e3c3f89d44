//! The reader of what was issued.

use std::{sync::Arc, time::Duration};

use arrow::{
    array::{AsArray as _, RecordBatch},
    datatypes::{Int64Type, TimestampMicrosecondType},
};
use clicktrail_log::{
    archive::Archive,
    causes::causes,
    invoices::{
        InvoiceEntry,
        ledger::{Admitted, Damage, Ledger},
        schema as invoices,
    },
    log::{Log, Stream},
    position::Position,
    schema::{LOGGED_AT, POSITION},
    time::Timestamp,
};

use super::error::Error;
use crate::history::{History, Source, Start, Step};

/// A document as the log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Where its entry stands.
    pub position: Position,
    /// When that was logged.
    pub logged_at: Timestamp,
    /// What it says.
    pub entry: InvoiceEntry,
}

/// Reads what was issued up to the end of the log as it is, each document once.
#[derive(Debug)]
pub struct Issued {
    history: History,
    ledger: Ledger,
}

impl Issued {
    /// A reader from `start` on. One that does not begin at the beginning does not know what was issued before.
    ///
    /// # Errors
    /// As log and archive report.
    pub async fn open(log: &Arc<dyn Log>, archive: &Archive, start: Start) -> Result<Self, Error> {
        let source = Source::new(Stream::Invoices);
        let history = History::open(Arc::clone(log), archive.clone(), source, start, None).await?;
        Ok(Self { history, ledger: Ledger::default() })
    }

    /// The next documents in the order of the log, and what stands between them and cannot be: that is named, and keeps
    /// nobody from the others. `None` at the end of the log. A later call goes on with what was logged since.
    ///
    /// # Errors
    /// See [`Error`]: everything before was given, nothing behind it.
    pub async fn next(&mut self) -> Result<Option<Vec<Result<Document, Damage>>>, Error> {
        loop {
            let rows = match self.history.next(Duration::ZERO).await? {
                Step::Rows(rows) => rows,
                Step::Tail | Step::End => return Ok(None),
            };
            let found = self.admit(&rows);
            if !found.is_empty() {
                return Ok(Some(found));
            }
        }
    }

    /// What was read so far, by number.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The rows that are not repeats.
    fn admit(&mut self, rows: &RecordBatch) -> Vec<Result<Document, Damage>> {
        let column = |name| rows.column_by_name(name).expect("the reader gives the columns of the log");
        let positions = column(POSITION).as_primitive::<Int64Type>().values();
        let times = column(LOGGED_AT).as_primitive::<TimestampMicrosecondType>().values();
        let at = |position: i64| Position::from_i64(position).expect("rows that were read have positions");
        let unusable = |position: i64, cause: &invoices::Error| {
            Err(Damage::Unusable { position: at(position), reason: causes(cause) })
        };
        let entries = match invoices::each_of_batch(rows) {
            Ok(entries) => entries,
            // Other columns: none of these rows is an entry.
            Err(cause) => return positions.first().map(|first| unusable(*first, &cause)).into_iter().collect(),
        };
        let mut found = Vec::with_capacity(entries.len());
        for ((entry, position), micros) in entries.into_iter().zip(positions).zip(times) {
            let entry = match entry {
                Ok(entry) => entry,
                Err(cause) => {
                    found.push(unusable(*position, &cause));
                    continue;
                }
            };
            let position = at(*position);
            match self.ledger.admit(position, &entry) {
                Ok(Admitted::Fresh) => {
                    found.push(Ok(Document { position, logged_at: Timestamp::from_micros(*micros), entry }));
                }
                Ok(Admitted::Repeat { .. }) => {}
                Err(damage) => found.push(Err(damage)),
            }
        }
        found
    }
}
