//! Periods: frozen once, closed once.

use super::trail::{self, By};
use crate::{
    digest,
    error::Error,
    invoicing::{
        bounds::{self, PAGE_MAX},
        digests,
        period::{NewPeriod, Period},
    },
    rows,
    session::{Arg, Session},
};

const PUT: &str = "
    INSERT INTO periods (period, zone, cycle, from_at, to_at, tzdb, state, created_at, created_by, closed_at,
        closed_by, row_digest)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";

const READ: &str = "
    SELECT period, zone, cycle, from_at, to_at, tzdb, state, created_at, created_by, closed_at, closed_by, row_digest
    FROM periods WHERE period = $1 AND zone = $2";

/// Names of whole months and weeks have at most eight characters, and parts of them more.
const WHOLE_CHARS_MAX: usize = 8;

const SHARED: &str = "
    SELECT period, zone, cycle, from_at, to_at, tzdb, state, created_at, created_by, closed_at, closed_by, row_digest
    FROM periods WHERE zone = $1 AND cycle = $2 AND from_at < $4 AND to_at > $3 AND LENGTH(period) <= 8
    ORDER BY from_at LIMIT 1";

const LIST: &str = "
    SELECT period, zone, cycle, from_at, to_at, tzdb, state, created_at, created_by, closed_at, closed_by, row_digest
    FROM periods WHERE period > $1 OR (period = $1 AND zone > $2) ORDER BY period, zone LIMIT $3";

const CLOSE: &str = "
    UPDATE periods SET state = 'closed', closed_at = $3, closed_by = $4, row_digest = $5
    WHERE period = $1 AND zone = $2";

/// See [`Invoicing::put_period`](crate::invoicing::Invoicing::put_period).
pub(crate) async fn put(session: &mut impl Session, new: &NewPeriod, by: By<'_>) -> Result<Period, Error> {
    bounds::period(new)?;
    if let Some(frozen) = read(session, &new.name, &new.zone).await? {
        return Ok(frozen);
    }
    if new.name.chars().count() <= WHOLE_CHARS_MAX {
        let args = [Arg::from(&new.zone), new.cycle.as_str().into(), new.from.into(), new.to.into()];
        if let Some(Period { frozen, .. }) = session.fetch(SHARED, &args, rows::invoicing::period).await?.pop() {
            let (name, zone, other) = (&new.name, &new.zone, &frozen.name);
            return Err(Error::Refused(format!("period {name} of {zone}, which shares instants with {other}")));
        }
    }
    let created_by = by.actor.to_owned();
    let period = Period { frozen: new.clone(), created_at: by.at, created_by, closed: None };
    digest::put_row(session, PUT, "periods", &digests::period(&period)).await?;
    trail::write(session, by, "put_period", &[format!("{} of {}", new.name, new.zone)]).await?;
    Ok(period)
}

/// See [`Invoicing::period`](crate::invoicing::Invoicing::period).
pub(crate) async fn read(session: &mut impl Session, name: &str, zone: &str) -> Result<Option<Period>, Error> {
    Ok(session.fetch(READ, &[name.into(), zone.into()], rows::invoicing::period).await?.pop())
}

/// See [`Invoicing::periods`](crate::invoicing::Invoicing::periods).
pub(crate) async fn list(
    session: &mut impl Session,
    after: Option<(&str, &str)>,
    limit: u32,
) -> Result<Vec<Period>, Error> {
    let (name, zone) = after.unwrap_or(("", ""));
    let args = [name.into(), zone.into(), limit.min(PAGE_MAX).into()];
    session.fetch(LIST, &args, rows::invoicing::period).await
}

/// See [`Invoicing::close_period`](crate::invoicing::Invoicing::close_period).
pub(crate) async fn close(session: &mut impl Session, name: &str, zone: &str, by: By<'_>) -> Result<Period, Error> {
    let Some(mut period) = read(session, name, zone).await? else {
        return Err(Error::Refused(format!("to close period {name} of {zone}, which was never frozen")));
    };
    if period.closed.is_some() {
        return Ok(period);
    }
    period.closed = Some((by.at, by.actor.to_owned()));
    let sum = digest::of("periods", &digests::period(&period));
    session.execute(CLOSE, &[name.into(), zone.into(), by.at.into(), by.actor.into(), Arg::from(&sum)]).await?;
    trail::write(session, by, "close_period", &[format!("{name} of {zone}")]).await?;
    Ok(period)
}
