//! Events that were missing: from a line to what is staged, and from that to the event that is logged.

use anyhow::{Context as _, ensure};
use clicktrail_capture::{Ads, Context, Limits, parse, validate};
use clicktrail_log::{
    event::{CORRECTION_PREFIX, Event},
    frame::Digest,
    time::Timestamp,
};
use clicktrail_replay::correction::document::MissingEvent;
use clicktrail_verdicts::kinds::JUDGED;

use crate::rejected::price::Prices;

/// Any age: what happened long ago is what corrections are for.
fn limits() -> Limits {
    Limits { age_max: None, ..Limits::default() }
}

/// The event of a line, as `POST /v1/events` takes it, but of any age. A click without a price costs what its ad cost
/// at its time. An id that the line lacks is made of the line.
pub(super) async fn staged(
    line: &str,
    ads: &Ads,
    prices: &mut Prices<'_>,
    now: Timestamp,
) -> anyhow::Result<MissingEvent> {
    let mut draft = parse::draft(line.as_bytes()).map_err(refused)?;
    ensure!(draft.event_time.is_some(), "it has no event_time: an event that was missing happened at some time");
    let made = Digest::of(line.trim().as_bytes()).to_string();
    draft.event_id.get_or_insert_with(|| made[..32].to_owned().into());
    prices.fill(&mut draft, now).await?;
    let limits = limits();
    let context = Context { captured_at: now, ads, limits: &limits };
    let event = validate::event(draft, &context).map_err(refused)?;
    let kind = event.kind;
    ensure!(JUDGED.holds(kind), "it is of kind {kind}, which is never billed: add clicks, impressions and conversions");
    Ok(MissingEvent {
        event_id: event.event_id.into_owned(),
        kind: kind.as_str().to_owned(),
        event_time_micros: event.event_time.micros(),
        advertiser_id: event.advertiser_id.into_owned(),
        campaign_id: event.campaign_id.into_owned(),
        ad_id: event.ad_id.into_owned(),
        price_micros: event.price_micros,
        currency: event.currency.into_owned(),
        line: line.trim().to_owned(),
    })
}

fn refused(reason: clicktrail_capture::Reason) -> anyhow::Error {
    anyhow::anyhow!("{}: {reason}", reason.code())
}

/// Hands the event that is logged to `take`. It depends on what is staged alone, and says which correction it is of.
pub(super) fn logged<T>(
    correction: &str,
    staged: &MissingEvent,
    take: impl FnOnce(Timestamp, &Event<'_>) -> T,
) -> anyhow::Result<T> {
    let at = Timestamp::from_micros(staged.event_time_micros);
    let mut draft = parse::draft(staged.line.as_bytes()).map_err(refused).context("read a staged event")?;
    draft.event_id = Some(staged.event_id.as_str().into());
    draft.event_time = Some(at);
    draft.advertiser_id = Some(staged.advertiser_id.as_str().into());
    draft.campaign_id = Some(staged.campaign_id.as_str().into());
    draft.price_micros = Some(staged.price_micros);
    draft.currency = Some(staged.currency.as_str().into());
    let (ads, limits) = (Ads::default(), Limits { future_max: None, ..limits() });
    let context = Context { captured_at: at, ads: &ads, limits: &limits };
    let mut event = validate::event(draft, &context).map_err(refused).context("read a staged event")?;
    let rest = event.extra.as_deref().and_then(|extra| extra.trim().strip_prefix('{')).map_or("}", str::trim_start);
    let comma = if rest.starts_with('}') { "" } else { "," };
    event.extra = Some(format!("{CORRECTION_PREFIX}{correction}\"{comma}{rest}").into());
    Ok(take(at, &event))
}
