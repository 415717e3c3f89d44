//! A row as it is read: every value is checked, and a wrong one is named by its table, key and column.

use bytes::Bytes;
use clicktrail_log::{
    ad::Ad,
    frame,
    position::{Position, Seq},
    time::{Hour, Timestamp},
};

use crate::{
    digest,
    error::Error,
    model::RegisteredAd,
    session::{Arg, Fields},
};

/// Tables that mirror nothing.
const NOWHERE_ELSE: [&str; 10] =
    ["ads", "audit", "ad_changes", "ad_pauses", "terms", "periods", "drafts", "documents", "artefacts", "disputes"];

/// A row, with its table and key for errors.
pub(super) struct Reader<'r> {
    pub(super) fields: &'r dyn Fields,
    table: &'static str,
    key_columns: &'static [&'static str],
}

impl<'r> Reader<'r> {
    pub(super) fn of(table: &'static str, key_columns: &'static [&'static str], fields: &'r dyn Fields) -> Self {
        Self { fields, table, key_columns }
    }

    pub(super) fn corrupt(&self, column: &str, found: &dyn std::fmt::Display) -> Error {
        let shown = |column: &&str| match (self.fields.int(column), self.fields.text(column)) {
            (Ok(value), _) => format!("{column} {value}"),
            (Err(_), Ok(text)) => format!("{column} {text}"),
            (Err(_), Err(_)) => format!("an unreadable {column}"),
        };
        let row = match self.key_columns {
            [] => format!("the row of {}", self.table),
            columns => {
                let key = columns.iter().map(shown).collect::<Vec<_>>().join(", ");
                format!("a row of {} with {key}", self.table)
            }
        };
        self.refuse(format!("{row}, whose {column} is not valid: {found}"))
    }

    /// The error that says whether a rebuild helps.
    pub(super) fn refuse(&self, what: String) -> Error {
        match NOWHERE_ELSE.contains(&self.table) {
            true => Error::Corrupt(format!("{what}; it is kept nowhere else: restore the catalog from its backup")),
            false => Error::Damaged(what),
        }
    }

    /// Refuses a row that has a digest and is not what it was when that was made.
    pub(super) fn check(&self, values: &[Arg<'_>]) -> Result<(), Error> {
        self.check_digest("row_digest", &digest::of(self.table, values))
    }

    pub(super) fn check_digest(&self, column: &str, is: &str) -> Result<(), Error> {
        let was = self.text(column)?;
        if was == digest::UNKNOWN || was == is {
            return Ok(());
        }
        Err(self.corrupt(column, &format!("{was}, but what stands there has {is}: it was changed or damaged")))
    }

    /// A frame's digest; `None` if nobody knows it.
    pub(super) fn frame(&self, column: &str) -> Result<Option<frame::Digest>, Error> {
        let text = self.text(column)?;
        let digest = || text.parse().map_err(|error: hex::FromHexError| self.corrupt(column, &error));
        (text != digest::UNKNOWN).then(digest).transpose()
    }

    pub(super) fn int(&self, column: &str) -> Result<i64, Error> {
        self.fields.int(column).map_err(|error| self.corrupt(column, &error))
    }

    pub(super) fn text(&self, column: &str) -> Result<String, Error> {
        self.fields.text(column).map_err(|error| self.corrupt(column, &error))
    }

    pub(super) fn blob(&self, column: &str) -> Result<Bytes, Error> {
        self.fields.blob(column).map_err(|error| self.corrupt(column, &error))
    }

    pub(super) fn count<T: TryFrom<i64>>(&self, column: &str) -> Result<T, Error> {
        let value = self.int(column)?;
        T::try_from(value).map_err(|_| self.corrupt(column, &value))
    }

    pub(super) fn flag(&self, column: &str) -> Result<bool, Error> {
        match self.int(column)? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(self.corrupt(column, &other)),
        }
    }

    /// The ad as the columns for its owner, campaign, target, price, currency and pause say.
    pub(super) fn ad_state(&self, columns: [&str; 6]) -> Result<RegisteredAd, Error> {
        let [advertiser_id, campaign_id, target_url, price_micros, currency, paused] = columns;
        Ok(RegisteredAd {
            ad: Ad {
                ad_id: self.text("ad_id")?,
                advertiser_id: self.text(advertiser_id)?,
                campaign_id: self.text(campaign_id)?,
                target_url: self.text(target_url)?,
                price_micros: self.int(price_micros)?,
                currency: self.text(currency)?,
            },
            is_paused: self.flag(paused)?,
        })
    }

    pub(super) fn seq(&self, column: &str) -> Result<Seq, Error> {
        let value = self.int(column)?;
        Seq::from_i64(value).ok_or_else(|| self.corrupt(column, &value))
    }

    pub(super) fn position(&self, column: &str) -> Result<Position, Error> {
        let value = self.int(column)?;
        Position::from_i64(value).ok_or_else(|| self.corrupt(column, &value))
    }

    /// `None` where the column is 0.
    pub(super) fn maybe_position(&self, column: &str) -> Result<Option<Position>, Error> {
        if self.int(column)? == 0 { Ok(None) } else { self.position(column).map(Some) }
    }

    pub(super) fn time(&self, column: &str) -> Result<Timestamp, Error> {
        self.int(column).map(Timestamp::from_micros)
    }

    /// One of the values of an enumeration, by its stored name.
    pub(super) fn named<T>(&self, column: &str, parse: fn(&str) -> Option<T>) -> Result<T, Error> {
        let value = self.text(column)?;
        parse(&value).ok_or_else(|| self.corrupt(column, &value))
    }

    pub(super) fn hour(&self) -> Result<Hour, Error> {
        self.int("hour").map(Hour::from_i64)
    }
}
