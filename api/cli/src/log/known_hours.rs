//! Every sealed hour that the catalog knows.

use clicktrail_catalog as catalog;
use clicktrail_log::time::Hour;

use crate::installation::Installation;

/// Every hour that the catalog knows, a page at a time.
pub(crate) async fn known_hours(
    instance: &Installation,
    from: Option<Hour>,
) -> Result<Vec<catalog::SealedHour>, catalog::Error> {
    let mut from = from.unwrap_or(Hour::from_i64(i64::MIN / 2));
    let mut hours = Vec::new();
    loop {
        let page = instance.catalog.list_hours(from, 1_000).await?;
        let Some(last) = page.last() else { return Ok(hours) };
        from = last.hour.next();
        hours.extend(page);
    }
}
