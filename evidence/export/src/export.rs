//! Puts a bundle together.

use std::{io::Write, ops::Range, path::Path, sync::Arc};

use clicktrail_billing::chain;
use clicktrail_catalog::Catalog;
use clicktrail_evidence::{
    Hash,
    bundle::{
        Contents,
        contents::{FORMAT, Hours, Kind, Personal, Subject},
        time::Instant,
    },
};
use clicktrail_log::{
    archive::{Archive, clicks::Clicks},
    log::Stream,
    position::Position,
    time::{Hour, Timestamp},
};
use clicktrail_verdicts::archive::Verdicts;
use futures::StreamExt as _;

use crate::{
    ask::Ask,
    clicks::{Showing, Shown},
    derivation::{self, Counting},
    dossier::Dossier,
    error::Error,
    find,
    head::Head,
    issued,
    reading::{Reading, side_by_side},
    scope::{Asked, Scope},
    sealed::{Sealed, hour_of},
    staging::Staging,
    verdicts,
};

/// Manifests of a bundle, of all streams: fewer than the files that it can hold.
const HOURS_MAX: usize = 60_000;
/// Hours before a range of time in which its events may have been logged: by clients whose clocks were ahead.
const HOURS_AHEAD: i64 = 24;

/// What evidence is made of.
#[derive(Debug, Clone, Copy)]
pub struct Exporting<'e> {
    /// Hours, documents, the log of logs.
    pub archive: &'e Archive,
    /// Which documents there are.
    pub catalog: &'e dyn Catalog,
    /// Where large files are kept until the bundle is written; it is there, and emptied again.
    pub scratch: &'e Path,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// Events.
    pub rows: usize,
    /// Verdicts on them.
    pub verdicts: usize,
    /// Hours of clicks.
    pub hours: usize,
    /// The name of the log of logs, and how many entries its head has.
    pub head: (String, u64),
    /// Documents that are not in a signed hour of the log of issued documents yet: a verifier takes them only from
    /// somebody who has them from elsewhere.
    pub unlogged: Vec<String>,
    /// Events whose personal columns were asked for.
    pub people: u64,
    /// Events whose personal columns were asked for, and were erased: their leaves are hidden.
    pub erased: u64,
}

/// What is asked for, and which hours it takes.
struct Plan {
    scope: Scope,
    subject: Subject,
    clicks: (Hour, Hour),
    dossier: Option<Dossier>,
    /// Of verdicts at most so many.
    verdict_hours_max: usize,
}

impl Exporting<'_> {
    /// Writes a bundle. With a case, personal columns are in it.
    ///
    /// # Errors
    /// See [`Error`]: what cannot be proved is refused by name.
    pub async fn write<W: Write>(&self, ask: &Ask, case: Option<&str>, out: W) -> Result<(Exported, W), Error> {
        let mut head = Head::newest(self.archive).await?;
        let Plan { scope, subject, clicks, dossier, verdict_hours_max } = self.plan(ask, &head).await?;
        let mut staging = Staging::new(self.scratch.to_owned());
        let (hours, scope) = (hours(clicks)?, Arc::new(scope));
        let showing = Showing { archive: self.archive, scope: &scope, with_people: case.is_some() };
        showing.begin(&mut staging)?;
        let (mut shown, mut with_rows) = (Shown::default(), Vec::new());
        let signed = with_digests(&head, Stream::Clicks, &hours)?;
        let reading = Reading { archive: self.archive.clone(), scope: Arc::clone(&scope) };
        let mut reads = side_by_side(signed.into_iter().map(move |(hour, digest)| reading.clone().hour(hour, digest)));
        while let Some(read) = reads.next().await {
            let (sealed, manifest, read) = read?;
            sealed.put(manifest, &mut staging);
            if let Some(read) = read {
                with_rows.push(sealed.hour);
                showing.hour(&sealed, read, &mut shown, &mut staging).await?;
            }
        }
        let horizon = dossier.as_ref().and_then(Dossier::horizon);
        let last = with_rows.last().copied();
        let ruled = self.verdicts(&head, clicks.0, last, horizon, verdict_hours_max, &mut staging).await?;
        let targets: Arc<[Position]> = shown.events.iter().map(|event| event.position).collect();
        let said = verdicts::stage(self.archive, &ruled, &targets, &mut staging).await?;
        let counting = match dossier.as_ref().and_then(|dossier| dossier.bases.last()) {
            Some(basis) => Counting::of_basis(basis),
            None => Counting::of_all(),
        };
        derivation::stage(&shown, &said, &counting, &mut staging)?;
        let mut of_documents = issued::Found::default();
        if let Some(dossier) = &dossier {
            dossier.stage(self.archive, &mut staging).await?;
            of_documents = issued::stage(self.archive, &head, dossier, &mut staging).await?;
            head.stage_consistency(&dossier.bases, &mut staging).await?;
        }
        head.stage(&mut staging);
        let contents = Contents {
            format: FORMAT.to_owned(),
            subject,
            clicks: range_of(clicks),
            verdicts: ruled.first().zip(ruled.last()).map(|(first, last)| range_of((first.hour, last.hour))),
            issued: of_documents.hours.iter().copied().map(hour_of).collect(),
            personal: case.map(|case| Personal { case: case.to_owned() }),
            files: Vec::new(),
        };
        let out = staging.finish()?.finish(contents, out)?;
        let (name, entries) = head.named();
        let exported = Exported {
            rows: shown.events.len(),
            verdicts: said.len(),
            hours: hours.len(),
            head: (name.to_owned(), entries),
            unlogged: of_documents.open,
            people: shown.people,
            erased: shown.erased,
        };
        Ok((exported, out))
    }

    /// The hours of verdicts that are shown: from the first hour of clicks to the last that is signed.
    async fn verdicts(
        &self,
        head: &Head,
        first: Hour,
        last_shown: Option<Hour>,
        horizon: Option<Position>,
        hours_max: usize,
        staging: &mut Staging,
    ) -> Result<Vec<Arc<Sealed<Verdicts>>>, Error> {
        let signed = head.hours(Stream::Verdicts);
        // Verdicts about an event are never logged before it.
        let from = signed.iter().copied().find(|hour| *hour >= first);
        let (from, to) = match (from, signed.last()) {
            (Some(from), Some(to)) => (from, *to),
            _ => match (signed.last(), last_shown, horizon) {
                (None, None, None) => return Ok(Vec::new()),
                (None, Some(_), None) => return Ok(Vec::new()),
                (Some(last), None, _) => (*last, *last),
                (_, Some(hour), _) => return Err(Error::VerdictsOpen(format!("about events of {hour}"))),
                (None, None, Some(before)) => return Err(Error::VerdictsOpen(format!("before {before}"))),
            },
        };
        if let Some(hour) = last_shown.filter(|hour| to < *hour) {
            return Err(Error::VerdictsOpen(format!("about events of {hour}")));
        }
        let mut hours_of_verdicts = Vec::new();
        let shown: Vec<Hour> = hours((from, to))?.into_iter().take(hours_max).collect();
        let signed = with_digests(head, Stream::Verdicts, &shown)?;
        let archive = self.archive.clone();
        let read = move |(hour, digest)| {
            let archive = archive.clone();
            async move { Sealed::<Verdicts>::read(&archive, hour, digest).await }
        };
        let mut reads = side_by_side(signed.into_iter().map(read));
        while let Some(read) = reads.next().await {
            let (sealed, manifest) = read?;
            sealed.put(manifest, staging);
            hours_of_verdicts.push(Arc::new(sealed));
        }
        let end = hours_of_verdicts.last().map(|sealed| sealed.manifest.positions().end);
        match horizon.filter(|horizon| end.is_none_or(|end| *horizon > end)) {
            Some(horizon) => Err(Error::VerdictsOpen(format!("before {horizon}"))),
            None => Ok(hours_of_verdicts),
        }
    }

    async fn plan(&self, ask: &Ask, head: &Head) -> Result<Plan, Error> {
        match ask {
            Ask::Document { number, campaigns } => {
                let dossier = Dossier::read(self.archive, self.catalog, number).await?;
                self.plan_of_documents(dossier, chain::name(number), campaigns.clone())
            }
            Ask::Events { advertiser, from, to } => {
                let signed = head.hours(Stream::Clicks);
                let earliest = Hour::from_i64(from.hour().as_i64() - HOURS_AHEAD);
                let first = signed.iter().copied().find(|hour| *hour >= earliest);
                let (Some(first), Some(last)) = (first, signed.last()) else {
                    return Err(Error::HourUnsigned { stream: Stream::Clicks, hour: from.hour() });
                };
                let end = to.plus_micros(-1).hour();
                if *last < end {
                    return Err(Error::HourUnsigned { stream: Stream::Clicks, hour: end });
                }
                let scope = scope(advertiser, Asked::Range, *from..*to);
                let subject = Subject {
                    from: Some(Instant(from.micros())),
                    to: Some(Instant(to.micros())),
                    ..subject(Kind::Events, advertiser)
                };
                Ok(Plan { scope, subject, clicks: (first, *last), dossier: None, verdict_hours_max: HOURS_MAX })
            }
            Ask::Event(position) => self.plan_of_event(*position, head, HOURS_MAX).await,
            // Verifiers ask for every hour of verdicts that was signed: what was ruled later must not be cut off.
            Ask::Captured(position) => self.plan_of_event(*position, head, HOURS_MAX).await,
        }
    }

    fn plan_of_documents(
        &self,
        dossier: Dossier,
        document: String,
        campaigns: Option<Vec<String>>,
    ) -> Result<Plan, Error> {
        let campaigns = campaigns.map(|mut campaigns| {
            campaigns.sort_unstable();
            campaigns.dedup();
            campaigns
        });
        let has_line = |campaign: &String| {
            let bills = dossier.links.iter().map(|link| &link.document.draft.bill);
            bills.flat_map(|bill| &bill.lines).any(|line| line.campaign_id == *campaign)
        };
        if let Some(unknown) = campaigns.iter().flatten().find(|campaign| !has_line(campaign)) {
            return Err(Error::NotFound(format!(
                "{document} has no line of campaign {unknown:?}, nor has a note of it"
            )));
        }
        let draft = &dossier.invoice().draft;
        let nothing = || Error::NotFound(format!("{document} pins no basis"));
        let period = dossier.bases.first().ok_or_else(nothing)?.period();
        let clicks = dossier.looked_at().ok_or_else(nothing)?;
        let scope = Scope {
            campaigns: campaigns.clone(),
            currency: Some(draft.bill.currency.to_string()),
            ..scope(&draft.advertiser_id, Asked::Hours(dossier.counted().collect()), period)
        };
        let subject = Subject { document: Some(document), campaigns, ..subject(Kind::Invoice, &draft.advertiser_id) };
        Ok(Plan { scope, subject, clicks, dossier: Some(dossier), verdict_hours_max: HOURS_MAX })
    }

    async fn plan_of_event(&self, position: Position, head: &Head, verdict_hours_max: usize) -> Result<Plan, Error> {
        let hour = self.hour_of(position, &head.hours(Stream::Clicks)).await?;
        let advertiser = find::advertiser(self.archive, hour, position).await?;
        let always = Timestamp::from_micros(i64::MIN)..Timestamp::from_micros(i64::MAX);
        let scope = scope(&advertiser, Asked::Event(position), always);
        let subject = Subject { position: Some(position.as_i64()), ..subject(Kind::Event, &advertiser) };
        Ok(Plan { scope, subject, clicks: (hour, hour), dossier: None, verdict_hours_max })
    }

    /// The signed hour that holds a position: hours are in the order of their frames.
    async fn hour_of(&self, position: Position, hours: &[Hour]) -> Result<Hour, Error> {
        let (mut low, mut high) = (0, hours.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            let missing = || Error::NotFound(format!("the manifest of {} is not there", hours[middle]));
            let manifest = self.archive.manifest::<Clicks>(hours[middle]).await?.ok_or_else(missing)?;
            if manifest.positions().end <= position {
                low = middle + 1;
            } else if manifest.positions().start > position {
                high = middle;
            } else {
                return Ok(hours[middle]);
            }
        }
        Err(Error::NotSealed(position))
    }
}

/// Hours with the digests of their manifests, as they were signed.
fn with_digests(head: &Head, stream: Stream, hours: &[Hour]) -> Result<Vec<(Hour, Hash)>, Error> {
    hours.iter().map(|hour| Ok((*hour, head.manifest(stream, *hour)?))).collect()
}

fn scope(advertiser: &str, asked: Asked, period: Range<Timestamp>) -> Scope {
    Scope { advertiser: advertiser.to_owned(), asked, campaigns: None, period, currency: None }
}

fn subject(kind: Kind, advertiser: &str) -> Subject {
    let advertiser_id = advertiser.to_owned();
    Subject { kind, advertiser_id, document: None, campaigns: None, from: None, to: None, position: None }
}

fn range_of((from, to_inclusive): (Hour, Hour)) -> Hours {
    Hours { from: hour_of(from), to_inclusive: hour_of(to_inclusive) }
}

/// Each hour of a range, if a bundle can hold so many.
fn hours((from, to): (Hour, Hour)) -> Result<Vec<Hour>, Error> {
    let hours: Vec<Hour> = (from.as_i64()..=to.as_i64()).map(Hour::from_i64).take(HOURS_MAX + 1).collect();
    if hours.len() > HOURS_MAX { Err(Error::TooManyHours(hours.len())) } else { Ok(hours) }
}
