//! As of when a question is asked: a place in the log of verdicts, and one in the log of clicks.

use clicktrail_log::{
    log::{self, Info},
    position::Position,
    time::Timestamp,
};
use clicktrail_projections::zone::{Bound, Unit, Zone};
use clicktrail_replay::moment;

use crate::{error::Error, pinned::Bounds, service::Service};

/// A moment in the verdict log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// After the last verdict.
    Latest,
    /// After this verdict.
    After(Position),
    /// After every verdict that was logged before this time.
    Before(Timestamp),
}

impl Moment {
    /// From a position, a time, or `latest`.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str, zone: &Zone) -> Result<Self, String> {
        if text == "latest" {
            return Ok(Self::Latest);
        }
        if let Ok(verdict) = text.parse() {
            return Ok(Self::After(verdict));
        }
        if let Some(time) = Timestamp::parse_rfc3339(text) {
            return Ok(Self::Before(time));
        }
        let bound = Bound::parse(text, zone, Unit::Minute);
        let wrong = |_| format!("{text:?} is no position of a verdict (as 1.57.0), no time, and not `latest`");
        Ok(Self::Before(bound.map_err(wrong)?.first(zone)))
    }
}

/// As of when a question is asked, on both axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At {
    /// Which verdicts are known.
    pub verdicts: Moment,
    /// The last click that is counted; `None`: all.
    pub clicks: Option<Position>,
}

impl Service {
    /// The bounds of a question.
    ///
    /// # Errors
    /// [`Error::NoSuchVerdict`], [`Error::NoSuchClick`]; as the verdict log reports.
    pub(crate) async fn bounds(&self, at: At, tail: &Result<Info, log::Error>) -> Result<Bounds, Error> {
        if let (Some(click), Ok(info)) = (at.clicks, tail) {
            let end = Position::new(info.epoch, info.last.next(), 0);
            if click >= end {
                return Err(Error::NoSuchClick { click, end });
            }
        }
        let verdicts_before = self.end_of(at.verdicts).await?;
        Ok(Bounds { verdicts_before, clicks_before: at.clicks.map(|click| click.plus_rows(1)) })
    }

    /// One past the last verdict of a moment.
    async fn end_of(&self, moment: Moment) -> Result<Position, Error> {
        let end = self.history.end().await?;
        match moment {
            Moment::Latest => Ok(end),
            Moment::After(verdict) if verdict < end => Ok(verdict.plus_rows(1)),
            Moment::After(verdict) => Err(Error::NoSuchVerdict { verdict, end }),
            Moment::Before(time) => Ok(moment::verdicts_before(&self.archive, &self.history, time).await?),
        }
    }
}

#[cfg(test)]
mod tests {
    use clicktrail_damage::{Trial, test};

    use super::*;

    #[test]
    fn moment_is_a_position_a_time_or_latest() {
        let zone: Zone = "Europe/Berlin".parse().unwrap();
        let time = |text: &str| Moment::Before(Timestamp::parse_rfc3339(text).unwrap());
        for (text, expected) in [
            ("latest", Moment::Latest),
            ("1.57.3", Moment::After("1.57.3".parse().unwrap())),
            ("2026-03-01", time("2026-02-28T23:00:00Z")),
            ("2026-03-01T12:00", time("2026-03-01T11:00:00Z")),
            ("2026-03-01T12:00:00Z", time("2026-03-01T12:00:00Z")),
        ] {
            assert_eq!(Moment::parse(text, &zone), Ok(expected));
        }
        for text in ["", "now", "1.57", "Latest"] {
            assert!(Moment::parse(text, &zone).unwrap_err().contains("`latest`"), "{text:?}");
        }
    }

    #[test]
    fn moment_of_any_text_is_read_or_refused() {
        let examples = ["latest", "1.57.3", "2026-10-25T02:30", "2026-03-01T12:00:00Z", "127.1099511627775.65535"];
        Trial::of(test!(moment_of_any_text_is_read_or_refused)).examples(examples).run(|bytes| {
            let text = &*String::from_utf8_lossy(bytes);
            for zone in ["UTC", "Europe/Berlin", "Pacific/Apia"] {
                match Moment::parse(text, &zone.parse().unwrap()) {
                    Ok(Moment::After(position)) => assert!(position <= position.plus_rows(1)),
                    Ok(Moment::Latest | Moment::Before(_)) => {}
                    Err(why) => assert!(why.contains("`latest`"), "{why}"),
                }
            }
        });
    }
}
