//! Redeems receipts of events: a bundle of evidence about one event, made from what is sealed and signed, or where it
//! stands.

use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::Context as _;
use clicktrail_catalog::Catalog;
use clicktrail_evidence::{
    bundle,
    note::VerifierKey,
    receipt::{Receipt, SignedReceipt},
    verify::{Kind, kept},
};
use clicktrail_export::{Ask, Error, Exporting, captured};
use clicktrail_log::{
    archive::{Archive, clicks::Clicks},
    log::Stream,
    position::Position,
    time::Hour,
};
use clicktrail_server::redeemed::{Redeem, Redeemed};
use futures::{FutureExt as _, future::BoxFuture};
use tracing::error;

use crate::installation::Installation;

/// The largest bundle that is made for a receipt: a manifest of an hour of clicks, some of verdicts, and the entries
/// since then. What is larger is exported by hand.
const BUNDLE_BYTES_MAX: usize = 64 << 20;

/// What redeems receipts.
#[derive(Debug)]
pub(super) struct Redeeming {
    archive: Archive,
    catalog: Arc<dyn Catalog>,
    /// Where bundles are put together.
    scratch: PathBuf,
    /// Keys of ours, by which receipts are signed.
    keys: Vec<VerifierKey>,
    /// How many were begun: each has a directory of its own.
    begun: AtomicU64,
}

impl Redeeming {
    /// With our keys.
    ///
    /// # Errors
    /// If what an earlier process left cannot be removed.
    pub(super) fn new(instance: &Installation, keys: Vec<VerifierKey>) -> anyhow::Result<Self> {
        let scratch = instance.places.data.join("redeeming");
        if scratch.exists() {
            fs::remove_dir_all(&scratch).with_context(|| format!("empty {}", scratch.display()))?;
        }
        let (archive, catalog) = (instance.archive.clone(), Arc::clone(&instance.catalog));
        Ok(Self { archive, catalog, scratch, keys, begun: AtomicU64::new(0) })
    }

    async fn answer(&self, signed: &SignedReceipt) -> Redeemed {
        let Ok(by) = signed.signed_by(&self.keys) else { return Redeemed::Forged };
        let receipt = signed.receipt();
        let found = match receipt.position.map(Position::from_i64) {
            Some(Some(position)) => self.prove(receipt, position).await,
            Some(None) => return Redeemed::Unknown,
            None => self.spooled(receipt).await,
        };
        match found {
            // Nobody is told of an event but by a receipt of ours, or one that is right in everything.
            Ok(Redeemed::Broken(_)) if by.is_empty() => Redeemed::Unknown,
            Ok(redeemed) => redeemed,
            Err(cause) => {
                error!(cause = format!("{:#}", anyhow::Error::from(cause)), "a receipt cannot be redeemed");
                Redeemed::Unavailable
            }
        }
    }

    async fn spooled(&self, receipt: &Receipt) -> Result<Redeemed, Error> {
        match captured::position(&self.archive, receipt).await? {
            Some(position) => self.prove(receipt, position).await,
            None => Ok(Redeemed::Waits {
                stands: "spooled",
                detail: "its frame was on the spool, and is in no sealed hour yet".to_owned(),
            }),
        }
    }

    async fn prove(&self, receipt: &Receipt, position: Position) -> Result<Redeemed, Error> {
        let waits = |stands, detail: String| Ok(Redeemed::Waits { stands, detail });
        match self.export(position).await {
            Ok(bundle) => Ok(match kept(&bundle, receipt) {
                Ok(_) => Redeemed::Proof { position: position.to_string(), bundle },
                Err(failure) if failure.kind == Kind::Broken => Redeemed::Broken(failure.reason),
                Err(failure) => Redeemed::Unprovable(failure.to_string()),
            }),
            Err(Error::NoEvent(position)) => {
                let id = &receipt.event_id;
                Ok(Redeemed::Broken(format!("the event {id:?} was promised at {position}: nothing is there")))
            }
            Err(Error::Unsigned | Error::NotSealed(_) | Error::HourUnsigned { .. }) => {
                self.stands(receipt, position).await
            }
            Err(error @ Error::VerdictsOpen(_)) => waits("unruled", error.to_string()),
            Err(error @ (Error::WithoutTrees { .. } | Error::TooManyHours(_) | Error::Zip(_))) => {
                Ok(Redeemed::Unprovable(error.to_string()))
            }
            Err(
                error @ (Error::NotFound(_)
                | Error::Archive(_)
                | Error::Head(_)
                | Error::Catalog(_)
                | Error::Billing(_)
                | Error::Io(_)),
            ) => Err(error),
        }
    }

    /// A bundle about the event at a position.
    async fn export(&self, position: Position) -> Result<Vec<u8>, Error> {
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        let scratch = Scratch::make(self.scratch.join(number.to_string()))?;
        let exporting = Exporting { archive: &self.archive, catalog: self.catalog.as_ref(), scratch: &scratch.0 };
        // Boxed: the future of every redemption would hold it.
        let ask = Ask::Captured(position);
        let (_, bundle) = Box::pin(exporting.write(&ask, None, Bounded::default())).await?;
        Ok(bundle.0)
    }

    /// Where an event stands that is in no signed hour.
    async fn stands(&self, receipt: &Receipt, position: Position) -> Result<Redeemed, Error> {
        let Some(last) = self.archive.sealed_hours(Stream::Clicks).await?.last().copied() else {
            let detail = "no hour is sealed yet".to_owned();
            return Ok(Redeemed::Waits { stands: "open", detail });
        };
        let missing = || Error::NotFound(format!("the manifest of {last} is not there"));
        let manifest = self.archive.manifest::<Clicks>(last).await?.ok_or_else(missing)?;
        let end = manifest.positions().end;
        if position < end {
            let detail = format!("its hour is sealed, and not signed yet; hours are sealed up to {last}");
            return Ok(Redeemed::Waits { stands: "sealed", detail });
        }
        Ok(match receipt.is_promised_before(hour(last), end.as_i64()) {
            true => Redeemed::Broken(format!(
                "the event {:?} was promised at {position}: the log ends before that, in {last}, long behind it",
                receipt.event_id
            )),
            false => {
                let detail = format!("its hour is not sealed yet; hours are sealed up to {last}");
                Redeemed::Waits { stands: "open", detail }
            }
        })
    }
}

fn hour(hour: Hour) -> bundle::time::Hour {
    bundle::time::Hour(hour.as_i64())
}

impl Redeem for Redeeming {
    fn redeem<'r>(&'r self, receipt: &'r SignedReceipt) -> BoxFuture<'r, Redeemed> {
        self.answer(receipt).boxed()
    }
}

/// A directory that goes with its bundle, also if nobody waits for it any more.
struct Scratch(PathBuf);

impl Scratch {
    fn make(path: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left is removed at the next start.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A bundle in memory, which does not grow beyond its limit.
#[derive(Debug, Default)]
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len().saturating_add(bytes.len()) > BUNDLE_BYTES_MAX {
            return Err(io::Error::other(format!("the bundle is larger than {BUNDLE_BYTES_MAX} bytes")));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
