//! How long what is about people is kept: so many months and the current one. What is older goes, whole hours at a
//! time, in the way in which a single person is erased.

use std::collections::BTreeSet;

use crate::{
    archive::{
        clicks::Clicks,
        keys::ManifestKey,
        kind::Kind,
        manifest::Manifest,
        redaction::{Cause, Chooses, Hidden, Left, document::RedactedPart},
        rejected::{self, RedactedRejected, RejectedEvents},
        store::{Archive, Error},
    },
    position::Seq,
    time::{Hour, Timestamp},
};

/// Months before the current one for which personal columns are kept, unless somebody says otherwise.
pub const PERSONAL_MONTHS: u32 = 12;

/// The first hour that is kept at `now`: the first of the month that began so many months before the current one, in
/// UTC.
pub fn keep_from(now: Timestamp, months: u32) -> Hour {
    let (date, _) = now.hour().date_and_hour();
    let mut fields = date.rsplitn(3, '-').skip(1).map(|field| field.parse::<i64>().unwrap_or_default());
    let (month, year) = (fields.next().unwrap_or(1), fields.next().unwrap_or_default());
    let first = year * 12 + month - 1 - i64::from(months);
    let text = format!("{:04}-{:02}-01T00", first.div_euclid(12), first.rem_euclid(12) + 1);
    // Before the year 0 nothing was logged.
    Hour::parse(&text).unwrap_or(Hour::from_i64(i64::MIN / 2))
}

/// What was erased because of its age.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retained {
    /// Hours in which something was erased.
    pub hours: u64,
    /// Rows whose values were erased.
    pub rows: u64,
    /// Files that are too young to be removed.
    pub left_alone: u64,
}

impl Archive {
    /// The sealed hours of clicks before `before` that hold personal columns, in order; at most `limit`.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Damaged`], [`Error::Unavailable`].
    pub async fn hours_with_people(&self, before: Hour, limit: usize) -> Result<Vec<Manifest>, Error> {
        self.hours_with::<Clicks, RedactedPart>(before, limit).await
    }

    /// The sealed hours of rejected events before `before` that hold what arrived, in order; at most `limit`.
    ///
    /// # Errors
    /// As [`Archive::hours_with_people`].
    pub async fn hours_with_originals(&self, before: Hour, limit: usize) -> Result<Vec<rejected::Manifest>, Error> {
        self.hours_with::<RejectedEvents, RedactedRejected>(before, limit).await
    }

    async fn hours_with<K: Kind, L: Left>(&self, before: Hour, limit: usize) -> Result<Vec<Manifest<K::Part>>, Error> {
        let redacted: BTreeSet<Hour> = self.redacted_hours(K::STREAM).await?;
        let mut found = Vec::new();
        for hour in self.sealed_hours(K::STREAM).await?.into_iter().take_while(|hour| *hour < before) {
            if found.len() == limit {
                break;
            }
            let left = match redacted.contains(&hour) {
                true => self.redaction_in::<L>(hour).await?,
                false => None,
            };
            let missing = || Error::Missing(ManifestKey { stream: K::STREAM, hour }.path().to_string());
            let manifest = self.manifest::<K>(hour).await?.ok_or_else(missing)?;
            if manifest.rows > left.map_or(0, |left| left.rows) {
                found.push(manifest);
            }
        }
        Ok(found)
    }

    /// Erases the personal columns of all hours before `before` whose frames end with `judged` at the latest.
    ///
    /// # Errors
    /// As [`Archive::hours_with_people`]; the same call may be made again.
    pub async fn retain(&self, before: Hour, judged: Seq, at: Timestamp) -> Result<Retained, Error> {
        let mut retained = Retained::default();
        for manifest in self.hours_with_people(before, usize::MAX).await? {
            if manifest.last_seq() > judged {
                break;
            }
            retained.add(self.redact(&manifest, &Chooses::all(), Cause::Retention, at).await?);
        }
        Ok(retained)
    }

    /// Erases what arrived with the rejected events of all hours before `before`.
    ///
    /// # Errors
    /// As [`Archive::hours_with_people`]; the same call may be made again.
    pub async fn retain_rejected(&self, before: Hour, at: Timestamp) -> Result<Retained, Error> {
        let mut retained = Retained::default();
        for manifest in self.hours_with_originals(before, usize::MAX).await? {
            retained.add(self.redact_rejected(&manifest, &Chooses::all(), Cause::Retention, at).await?);
        }
        Ok(retained)
    }
}

impl Retained {
    fn add(&mut self, hidden: Hidden) {
        self.hours += 1;
        self.rows += hidden.rows;
        self.left_alone += hidden.left_alone;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_are_whole_months_and_the_current_one() {
        let check = |now: &str, months, expected: &str| {
            let now = Timestamp::parse_rfc3339(now).unwrap();
            assert_eq!(keep_from(now, months).to_string(), expected, "{now:?}");
        };
        check("2026-11-26T11:00:00Z", 12, "2025-11-01T00");
        check("2026-01-01T00:00:00Z", 12, "2025-01-01T00");
        check("2026-01-31T23:59:59Z", 1, "2025-12-01T00");
        check("2026-03-31T00:00:00Z", 0, "2026-03-01T00");
        check("2026-03-31T00:00:00Z", 27, "2023-12-01T00");
    }
}
