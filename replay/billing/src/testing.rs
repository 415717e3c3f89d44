//! A small archive with a catalog, for the tests of this room: clicks are logged hour by hour, judged by hand, sealed
//! and counted as in production.

use std::sync::Arc;

use clicktrail_catalog::invoicing::NewTerms;
use clicktrail_catalog::{Catalog, JudgedFrames, Sqlite};
use clicktrail_invoices::{Seller, Terms};
use clicktrail_log::{
    archive::{
        Archive,
        clicks::Clicks,
        seal::{Cursor, GRACE, Sealer},
    },
    embedded::EmbeddedLog,
    event::{Event, Kind},
    frame,
    ids::{Ids as _, SeededIds},
    log::{Log, Stream},
    position::{Epoch, Position, Seq},
    schema::EventsBuilder,
    time::{Hour, ManualClock, Timestamp},
};
use clicktrail_projections::session;
use clicktrail_replay::register;
use clicktrail_verdicts::{
    append::Appender,
    hand::{self, Attribution},
    judge::Mark,
    reader::VerdictReader,
    verdict::{Category, Decision, Stage},
};
use tempfile::TempDir;

use crate::{
    drafting::Drafting,
    ready::{Checking, Patience},
};

const ACME: &str = include_str!("../../../examples/accounts/acme.toml");
const SELLER: &str = include_str!("../../../examples/accounts/seller.toml");

/// An instant, as in `2026-03-01T00:00:00Z`.
pub(crate) fn time(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

/// An hour, as in `2026-03-01T00`.
pub(crate) fn hour(text: &str) -> Hour {
    Hour::parse(text).unwrap()
}

/// A click that is logged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Click {
    pub(crate) advertiser: &'static str,
    pub(crate) campaign: &'static str,
    /// When it happened.
    pub(crate) at: &'static str,
    pub(crate) price_micros: i64,
    pub(crate) currency: &'static str,
    /// What the judge finds.
    pub(crate) invalid: Option<Category>,
}

/// A click of `acme` on `spring` for a quarter of a euro.
pub(crate) const fn click(at: &'static str) -> Click {
    Click { advertiser: "acme", campaign: "spring", at, price_micros: 250_000, currency: "EUR", invalid: None }
}

/// An installation in a directory of its own.
pub(crate) struct Bed {
    _directory: TempDir,
    pub(crate) archive: Archive,
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) history: VerdictReader,
    clicks: Arc<dyn Log>,
    verdicts: Arc<dyn Log>,
    clock: Arc<ManualClock>,
    writer: frame::Writer,
    cursor: Cursor,
    events: u64,
    frames: u64,
}

impl Bed {
    pub(crate) async fn new(begin: Hour) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(begin.start()));
        let open = async |stream: Stream| {
            let path = directory.path().join(format!("{stream}.sqlite"));
            Arc::new(EmbeddedLog::open(&path, stream, Arc::clone(&clock) as Arc<_>).await.unwrap()) as Arc<dyn Log>
        };
        let (clicks, verdicts) = (open(Stream::Clicks).await, open(Stream::Verdicts).await);
        let archive = Archive::directory(directory.path().join("archive")).unwrap();
        let catalog = Arc::new(Sqlite::open(&directory.path().join("catalog.sqlite")).await.unwrap());
        let writer = frame::Writer::new(SeededIds::new(7).next(begin.start()), 1);
        Self {
            history: VerdictReader::new(Arc::clone(&verdicts), archive.clone()),
            _directory: directory,
            archive,
            catalog,
            clicks,
            verdicts,
            clock,
            writer,
            cursor: Cursor::start(),
            events: 0,
            frames: 0,
        }
    }

    /// Logs clicks in an hour, whatever their event times are, and seals it and all hours before it.
    pub(crate) async fn hour(&mut self, logged: &str, clicks: &[Click]) {
        let logged = hour(logged);
        let at = logged.start().plus_micros(1_000_000);
        self.clock.set(at);
        if !clicks.is_empty() {
            let mut events = EventsBuilder::with_capacity(clicks.len());
            let mut ids = Vec::new();
            for click in clicks {
                self.events += 1;
                ids.push(format!("event-{}", self.events));
                events.push(&event(click, self.events));
            }
            let frame = self.writer.seal(&events.finish(), (at, at)).unwrap();
            self.clicks.append(&frame).await.unwrap();
            self.frames += 1;
            let ruled = clicks.iter().zip(&ids).enumerate();
            let verdicts: Vec<_> = ruled
                .filter_map(|(row, (click, id))| {
                    Some(self.verdict(u16::try_from(row).unwrap(), id, click.invalid?, Stage::Live, at))
                })
                .collect();
            self.append(&verdicts).await;
        }
        self.seal(logged).await;
    }

    /// A person's ruling about the first click of the last frame, after its hour was counted.
    pub(crate) async fn rule_later(&mut self, category: Category) {
        let id = format!("event-{}", self.events);
        let at = clicktrail_log::time::Clock::now(self.clock.as_ref());
        let verdict = self.verdict(0, &id, category, Stage::Manual, at);
        self.append(&[verdict]).await;
    }

    fn verdict(
        &self,
        row: u16,
        event: &str,
        category: Category,
        stage: Stage,
        at: Timestamp,
    ) -> clicktrail_verdicts::verdict::Verdict {
        let target = Position::new(Epoch::FIRST, Seq::new(self.frames).unwrap(), row);
        let word = Attribution { actor: "judge".to_owned(), reason: "rate".to_owned(), note: None };
        hand::verdict(target, event.to_owned(), (Decision::Invalid, Some(category)), stage, &word, at)
    }

    async fn append(&self, verdicts: &[clicktrail_verdicts::verdict::Verdict]) {
        if verdicts.is_empty() {
            return;
        }
        let id = SeededIds::new(9).next(Timestamp::from_micros(i64::try_from(self.events).unwrap()));
        Appender::new(Arc::clone(&self.verdicts), self.archive.clone(), id).append(verdicts).await.unwrap();
    }

    /// Seals every hour up to this one, and makes it count.
    async fn seal(&mut self, last: Hour) {
        let over = last.end_exclusive().plus_micros(i64::try_from(GRACE.as_micros()).unwrap());
        self.clock.set(over);
        let sealer = Sealer::<Clicks>::new(Arc::clone(&self.clicks), self.archive.clone());
        while let Some((manifest, cursor)) = sealer.seal_next(&self.cursor, over).await.unwrap() {
            self.cursor = cursor;
            let before = self.catalog.judged().await.unwrap();
            let after = Mark { clicks_through: manifest.last_seq(), ..before };
            if after != before {
                self.catalog.put_judged(&before, &after, JudgedFrames::default()).await.unwrap();
            }
            let (history, limits) = (Some(&self.history), session::Limits::default());
            let catalog = self.catalog.as_ref();
            register::register(&self.archive, history, catalog, manifest, limits, over).await.unwrap();
        }
    }

    /// What looks at periods, when no event can come late.
    pub(crate) fn checking(&self) -> Checking {
        Checking {
            archive: self.archive.clone(),
            catalog: Arc::clone(&self.catalog),
            history: self.history.clone(),
            patience: Patience { lateness: std::time::Duration::ZERO, ..Patience::default() },
        }
    }

    /// What drafts periods, long after.
    pub(crate) fn drafting(&self) -> Drafting {
        let now = time("2027-01-01T00:00:00Z");
        Drafting { checking: self.checking(), threads: 2, actor: "ann".to_owned(), now }
    }
}

fn event(click: &Click, number: u64) -> Event<'static> {
    let at = time(click.at);
    Event {
        event_id: format!("event-{number}").into(),
        kind: Kind::Click,
        event_time: at,
        captured_at: at,
        advertiser_id: click.advertiser.into(),
        campaign_id: click.campaign.into(),
        ad_id: "shoes".into(),
        publisher_id: None,
        placement_id: None,
        user_id: None,
        session_id: None,
        ip: None,
        user_agent: None,
        page_url: None,
        device_type: None,
        os: None,
        browser: None,
        country: None,
        city: None,
        price_micros: click.price_micros,
        currency: click.currency.into(),
        click_event_id: None,
        value_micros: None,
        extra: None,
    }
}

/// The example's terms in UTC, with these changes to the file, without discounts, minimums and caps.
pub(crate) fn plain(changes: &[(&str, &str)]) -> String {
    let (head, _) = ACME.split_once("[[caps]]").unwrap();
    let mut text = head.replace("Europe/Berlin", "UTC");
    for (said, instead) in changes {
        assert!(text.contains(said), "{said}");
        text = text.replace(said, instead);
    }
    text
}

/// Stores the terms of a file.
pub(crate) async fn add(bed: &Bed, text: &str) {
    let terms = Terms::from_toml(text, "terms.toml").unwrap();
    let row = NewTerms {
        advertiser_id: terms.advertiser_id.clone(),
        valid_from: terms.valid_from.to_string(),
        text: terms.canonical(),
        digest: terms.digest().to_string(),
    };
    bed.catalog.put_terms(&[row], "ann", time("2026-01-01T00:00:00Z")).await.unwrap();
}

/// Stores the example's seller.
pub(crate) async fn seller(bed: &Bed) {
    let seller = Seller::from_toml(SELLER, "seller.toml").unwrap();
    let (from, text, digest) = (seller.valid_from.to_string(), seller.canonical(), seller.digest().to_string());
    bed.catalog.put_seller(&from, &text, &digest, "ann", time("2026-01-01T00:00:00Z")).await.unwrap();
}
