//! Statements over many rows or keys: the same text for so many at a time, because a statement for each of ten thousand
//! drafts takes longer than computing them.
//!
//! Keys are neither joined nor listed in an `IN`: of a table that PostgreSQL knows nothing about yet, it would read all
//! rows for every page of keys. A query for each, all of them in one statement, is looked up in the index in any case.

use crate::{
    error::Error,
    session::{Arg, Fields, Session},
};

/// Rows of one statement. SQLite takes 32,766 arguments, PostgreSQL 65,535.
const ROWS: usize = 50;
/// Arguments of a row.
const COLUMNS_MAX: usize = 40;
const _: () = assert!(ROWS * COLUMNS_MAX <= 32_766, "a statement has no more arguments than both databases take");

/// A statement that takes rows of values: one at a time, or [`ROWS`].
#[derive(Debug)]
pub(crate) struct Many {
    columns: usize,
    one: String,
    all: String,
}

impl Many {
    /// `head` stands before the rows, and `tail` behind them. Rows have `row` as in `(?, ?)`, a `?` for each value.
    pub(crate) fn rows(head: &str, row: &str, tail: &str) -> Self {
        let text = |count| format!("{head} {}{tail}", numbered(row, ", ", count));
        Self::new(row, text)
    }

    /// A query with a `?` for each value of its key.
    pub(crate) fn keys(query: &str) -> Self {
        Self::new(query, |count| numbered(query, " UNION ALL ", count))
    }

    fn new(row: &str, text: impl Fn(usize) -> String) -> Self {
        let columns = row.matches('?').count();
        assert!((1..=COLUMNS_MAX).contains(&columns), "{row} has too few or too many values");
        Self { columns, one: text(1), all: text(ROWS) }
    }

    /// Runs it over all rows. Returns how many rows it changed.
    pub(crate) async fn execute(
        &'static self,
        session: &mut impl Session,
        rows: &[Vec<Arg<'_>>],
    ) -> Result<u64, Error> {
        let mut changed = 0;
        for chunk in rows.chunks(ROWS) {
            assert!(chunk.iter().all(|row| row.len() == self.columns), "every row has {} values", self.columns);
            if chunk.len() == ROWS {
                changed += session.execute(&self.all, &chunk.concat()).await?;
                continue;
            }
            for row in chunk {
                changed += session.execute(&self.one, row).await?;
            }
        }
        Ok(changed)
    }

    /// What the query finds for all keys, in no order. A key that stands twice finds its rows once.
    pub(crate) async fn fetch<T: Send>(
        &'static self,
        session: &mut impl Session,
        keys: &[&str],
        decode: fn(&dyn Fields) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let mut keys = keys.to_vec();
        keys.sort_unstable();
        keys.dedup();
        let keys: Vec<Vec<Arg<'_>>> = keys.into_iter().map(|key| vec![Arg::from(key)]).collect();
        self.fetch_each(session, &keys, decode).await
    }

    /// What the query finds for keys of several values, in no order: for each key as often as it stands there.
    pub(crate) async fn fetch_each<T: Send>(
        &'static self,
        session: &mut impl Session,
        keys: &[Vec<Arg<'_>>],
        decode: fn(&dyn Fields) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let mut found = Vec::new();
        for chunk in keys.chunks(ROWS) {
            assert!(chunk.iter().all(|key| key.len() == self.columns), "every key has {} values", self.columns);
            if chunk.len() == ROWS {
                found.extend(session.fetch(&self.all, &chunk.concat(), decode).await?);
                continue;
            }
            for key in chunk {
                found.extend(session.fetch(&self.one, key, decode).await?);
            }
        }
        Ok(found)
    }
}

/// So many of a text, in which every `?` is a numbered value.
fn numbered(text: &str, between: &str, count: usize) -> String {
    let (mut all, mut number) = (String::new(), 0);
    for index in 0..count {
        all.push_str(if index == 0 { "" } else { between });
        for part in text.split_inclusive('?') {
            match part.strip_suffix('?') {
                Some(before) => {
                    number += 1;
                    all.push_str(&format!("{before}${number}"));
                }
                None => all.push_str(part),
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::numbered;

    #[test]
    fn values_are_numbered_through_all_rows() {
        assert_eq!(numbered("(?, ?)", ", ", 2), "($1, $2), ($3, $4)");
        assert_eq!(numbered("SELECT a FROM t WHERE a = ?", " UNION ALL ", 1), "SELECT a FROM t WHERE a = $1");
    }
}
