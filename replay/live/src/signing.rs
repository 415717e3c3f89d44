//! The signing role: logs every hour that was sealed in the log of logs, signs it, and asks witnesses to sign beside
//! it.
//!
//! Each hour is read back from the store before it is signed, by the code of `log verify --deep`, and follows the hour
//! that was signed before it: who can write the archive and has no key adds no hour of their own. It stands beside
//! sealing and waits for nothing of it: whatever keeps it from signing, hours are sealed as before, and are signed
//! later.

#![expect(clippy::disallowed_methods, reason = "background work: it pauses between looks")]

use std::{sync::Arc, time::Duration};

use clicktrail_log::{
    archive::{
        Archive,
        clicks::Clicks,
        invoices::Invoices,
        keys::ManifestKey,
        kind::Kind,
        store,
        transparency::{
            Error, Found, Hours, Kept, Keys, Reader, Signed, Signer,
            witnesses::{Address, Asked, Refused, Witnesses},
        },
        verify::{Problem, Verifier},
    },
    causes::causes,
    frame::Digest,
    log::Stream,
    time::Hour,
};
use clicktrail_verdicts::archive::Verdicts;
use metrics::{counter, gauge};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::metric;

/// How often it looks for hours that were sealed, and for witnesses that have not signed.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// Pause after a failure that needs a person: the same hour is read back again at the next look.
const FAILURE_PAUSE: Duration = Duration::from_secs(60);

/// Reads hours of all streams back.
#[derive(Debug)]
struct ReadBack {
    archive: Archive,
}

impl Hours for ReadBack {
    fn problems(&self, stream: Stream, hour: Hour, manifest: Digest, previous: Option<Digest>) -> Found<'_> {
        match stream {
            Stream::Clicks => Box::pin(problems::<Clicks>(&self.archive, hour, manifest, previous)),
            Stream::Verdicts => Box::pin(problems::<Verdicts>(&self.archive, hour, manifest, previous)),
            Stream::Invoices => Box::pin(problems::<Invoices>(&self.archive, hour, manifest, previous)),
            // Rejected events are not archived.
            Stream::Rejected => Box::pin(async { Ok(Vec::new()) }),
        }
    }
}

async fn problems<K: Kind>(
    archive: &Archive,
    hour: Hour,
    manifest: Digest,
    previous: Option<Digest>,
) -> Result<Vec<Problem>, store::Error> {
    let mut verifier = Verifier::<K>::of(archive.clone(), true);
    let remembered = manifest.to_string();
    let Some(logged) = previous else {
        // What a first hour says of hours before it nobody takes for a beginning.
        verifier.check_alone(hour, Some(&remembered)).await?;
        return Ok(verifier.finish().problems);
    };
    let before = Hour::from_i64(hour.as_i64() - 1);
    match archive.manifest::<K>(before).await {
        Ok(Some(found)) if found.digest() == logged => {
            verifier.check_behind(Some(found), hour, Some(&remembered)).await?;
            Ok(verifier.finish().problems)
        }
        Err(error @ store::Error::Unavailable { .. }) => Err(error),
        Ok(_) | Err(_) => {
            let key = ManifestKey { stream: K::STREAM, hour: before }.path().to_string();
            let reason = "it is not the manifest that was logged: the hour behind it cannot be signed".to_owned();
            Ok(vec![Problem { hour: before, key, reason }])
        }
    }
}

/// Signs the log of logs of one archive.
#[derive(Debug)]
pub struct Signing {
    signer: Signer,
    witnesses: Witnesses,
    reader: Reader,
    newest: Option<Kept>,
}

impl Signing {
    /// With these keys, and these witnesses.
    ///
    /// # Errors
    /// [`Error::Keys`] if one key is given for two witnesses.
    pub fn new(archive: &Archive, keys: Keys, witnesses: Vec<Address>) -> Result<Self, Error> {
        let hours = Arc::new(ReadBack { archive: archive.clone() });
        let signer = Signer::new(archive.clone(), keys, hours);
        let witnesses = Witnesses::new(archive.clone(), witnesses)?;
        Ok(Self { signer, witnesses, reader: Reader::new(archive.clone()), newest: None })
    }

    /// What signs.
    pub fn keys(&self) -> &Keys {
        self.signer.keys()
    }

    /// The newest checkpoint that was signed or looked for.
    pub fn newest(&self) -> Option<&Kept> {
        self.newest.as_ref()
    }

    /// Signs some of what waits.
    ///
    /// # Errors
    /// See [`Error`]. The same call may be made again.
    pub async fn step(&mut self) -> Result<Signed, Error> {
        let signed = Box::pin(self.signer.step()).await?;
        if let Some(kept) = &signed.checkpoint {
            self.newest = Some(kept.clone());
        }
        Ok(signed)
    }

    /// Asks the witnesses to sign the newest checkpoint, those that have not.
    ///
    /// # Errors
    /// [`Error::Store`]. What a witness says is no error.
    pub async fn ask_witnesses(&mut self) -> Result<Vec<Asked>, Error> {
        if self.newest.is_none() {
            self.newest = self.reader.newest().await?;
        }
        match &self.newest {
            Some(newest) => Box::pin(self.witnesses.ask(newest)).await,
            None => Ok(Vec::new()),
        }
    }

    /// Signs what is sealed until `shutdown`.
    pub async fn run(mut self, shutdown: CancellationToken) {
        info!(log = self.signer.keys().origin(), "sealed hours are logged and signed");
        while !shutdown.is_cancelled() {
            // Like a process that dies: whatever was begun is done again.
            let stepped = tokio::select! {
                stepped = self.step() => stepped,
                () = shutdown.cancelled() => return,
            };
            let pause = match stepped {
                Ok(signed) => {
                    let behind = signed.is_behind;
                    let pause = if signed.left_out.is_empty() { LOOK_INTERVAL } else { FAILURE_PAUSE };
                    report(&signed);
                    if behind {
                        continue;
                    }
                    pause
                }
                Err(cause) if cause.is_transient() => {
                    warn!(cause = %causes(&cause), "signing is tried again");
                    LOOK_INTERVAL
                }
                Err(cause) => {
                    error!(cause = %causes(&cause), "the log of sealed hours cannot be signed; a person must act");
                    counter!(metric::SIGN_FAILURES).increment(1);
                    FAILURE_PAUSE
                }
            };
            let asked = tokio::select! {
                asked = self.ask_witnesses() => asked,
                () = shutdown.cancelled() => return,
            };
            match asked {
                Ok(asked) => asked.iter().for_each(report_witness),
                Err(cause) => warn!(cause = %causes(&cause), "witnesses were not asked"),
            }
            let _ = tokio::time::timeout(pause, shutdown.cancelled()).await;
        }
    }
}

fn report(signed: &Signed) {
    for cause in &signed.left_out {
        error!(cause = %causes(cause), "an hour does not read back and is not signed; a person must act");
        counter!(metric::SIGN_FAILURES).increment(1);
    }
    if let Some(kept) = &signed.checkpoint {
        let size = kept.checkpoint.size;
        info!(entries = signed.entries, size, root = %kept.checkpoint.root, "sealed hours were signed");
        counter!(metric::HOURS_SIGNED).increment(signed.entries as u64);
        gauge!(metric::SIGNED_ENTRIES).set(u32::try_from(size).unwrap_or(u32::MAX));
    }
}

fn report_witness(asked: &Asked) {
    let witness = &asked.witness;
    let reachable = match &asked.outcome {
        Ok(()) => 1,
        Err(cause @ Refused::Away(_)) => {
            warn!(witness, %cause, "a witness has not signed; it is asked again");
            0
        }
        Err(cause @ Refused::Refuses(_)) => {
            error!(witness, %cause, "a witness refuses to sign; a person must act");
            0
        }
    };
    gauge!(metric::WITNESS_SIGNED, "witness" => witness.clone()).set(reachable);
    if reachable == 0 {
        counter!(metric::WITNESS_FAILURES, "witness" => witness.clone()).increment(1);
    }
}
