//! The ad registry in memory: a snapshot of the catalog's ads, replaced whole when they change.

#![expect(clippy::disallowed_methods, reason = "background work: it asks the catalog for changes now and then")]

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use clicktrail_catalog::{Catalog, Error};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::metric_names;
use clicktrail_capture::Ads;

/// How often the catalog is asked whether ads changed: a registered ad is served at most about this much later.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Ads, or pauses, read from the catalog at a time.
const PAGE_ADS: u32 = 10_000;

/// The ads and their pauses as of the last look at the catalog. While the catalog is away, the last ones go on serving.
#[derive(Debug)]
pub struct Registry {
    catalog: Arc<dyn Catalog>,
    current: RwLock<Snapshot>,
}

#[derive(Debug, Clone)]
struct Snapshot {
    version: i64,
    ads: Arc<Ads>,
}

impl Registry {
    /// Loads all ads.
    ///
    /// # Errors
    /// As the catalog's.
    pub async fn load(catalog: Arc<dyn Catalog>) -> Result<Self, Error> {
        let snapshot = load(catalog.as_ref()).await?;
        metrics::gauge!(metric_names::REGISTERED_ADS).set(count(&snapshot));
        Ok(Self { catalog, current: RwLock::new(snapshot) })
    }

    /// The ads at this moment. A look-up takes a read lock for as long as cloning a pointer takes.
    pub fn current(&self) -> Arc<Ads> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).ads)
    }

    /// Follows the catalog until told to stop.
    pub async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        let mut is_failing = false;
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(POLL_INTERVAL) => {}
            }
            let refreshed = self.refresh().await;
            match &refreshed {
                Ok(()) if is_failing => info!("the ad registry follows the catalog again"),
                Err(cause) if !is_failing => {
                    warn!(%cause, "the ad registry cannot be read; the ads known so far go on serving");
                }
                Ok(()) | Err(_) => {}
            }
            is_failing = refreshed.is_err();
        }
    }

    /// Reads the ads again if they changed.
    ///
    /// # Errors
    /// As the catalog's; the ads known so far stay.
    pub async fn refresh(&self) -> Result<(), Error> {
        let known = self.current.read().unwrap_or_else(PoisonError::into_inner).version;
        if self.catalog.ads_version().await? == known {
            return Ok(());
        }
        let snapshot = load(self.catalog.as_ref()).await?;
        info!(version = snapshot.version, ads = snapshot.ads.len(), "the ad registry changed");
        metrics::gauge!(metric_names::REGISTERED_ADS).set(count(&snapshot));
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = snapshot;
        Ok(())
    }
}

/// Reads all pages. The version is read first: a change in between shows as a newer version at the next look.
async fn load(catalog: &dyn Catalog) -> Result<Snapshot, Error> {
    let version = catalog.ads_version().await?;
    let mut ads = Vec::new();
    loop {
        let after = ads.last().map_or("", |ad: &clicktrail_catalog::Ad| ad.ad_id.as_str()).to_owned();
        let page = catalog.list_ads(&after, PAGE_ADS).await?;
        if page.is_empty() {
            break;
        }
        ads.extend(page);
    }
    let mut pauses = Vec::new();
    loop {
        let page = catalog.list_pauses(pauses.last(), PAGE_ADS).await?;
        if page.is_empty() {
            return Ok(Snapshot { version, ads: Arc::new(Ads::new(ads, pauses)) });
        }
        pauses.extend(page);
    }
}

fn count(snapshot: &Snapshot) -> f64 {
    u32::try_from(snapshot.ads.len()).unwrap_or(u32::MAX).into()
}
