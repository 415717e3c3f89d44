//! Asks witnesses to sign the newest checkpoint (C2SP `tlog-witness`). What they sign is kept beside it, so that
//! whoever trusts a witness knows that we showed it no other history.
//!
//! A witness that does not answer costs nothing but its signature: it is asked again at the next look.

use std::{fmt, str::FromStr, time::Duration};

use clicktrail_evidence::{
    note::{Kind, Note, Signature, VerifierKey},
    tlog::witness::{AddCheckpoint, cosigned},
};
use futures::future::join_all;

use super::{
    error::Error,
    objects::{Kept, Objects, publish},
    reader::Reader,
};
use crate::{
    archive::{keys::TransparencyKey, store::Archive},
    invariant,
};

/// How long a witness may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The longest answer that is read.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// How often a witness may say that it stands elsewhere: others may show it checkpoints at the same time.
const TRIES_MAX: usize = 3;

/// A witness: where it is asked, and what its signatures are verified with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    url: String,
    key: VerifierKey,
}

/// Why a text is no witness.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no witness: it must be URL=VKEY, where VKEY is the verifier key of a witness")]
pub struct NotAnAddress(String);

impl FromStr for Address {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        let parse = || {
            // Neither a name nor base64 of 33 bytes has an equals sign.
            let (url, key) = text.rsplit_once('=')?;
            let key: VerifierKey = key.parse().ok()?;
            let is_url =
                ["http://", "https://"].iter().any(|scheme| url.len() > scheme.len() && url.starts_with(scheme));
            let url = url.trim_end_matches('/').to_owned();
            (is_url && key.kind() == Kind::Cosignature).then_some(Self { url, key })
        };
        parse().ok_or_else(|| NotAnAddress(text.to_owned()))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.key.name(), self.url)
    }
}

/// What became of asking one witness.
#[derive(Debug)]
pub struct Asked {
    /// Which.
    pub witness: String,
    /// Nothing if it signed, now or before; else why not.
    pub outcome: Result<(), Refused>,
}

/// Why a witness did not sign.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It was not reached, or its answer is none: it is asked again.
    #[error("it does not answer: {0}")]
    Away(String),
    /// It refuses: it does not know the log or its key, or it saw another history. A person must act.
    #[error("it refuses: {0}")]
    Refuses(String),
}

/// The witnesses of one log.
#[derive(Debug)]
pub struct Witnesses {
    archive: Archive,
    client: reqwest::Client,
    /// Each with the size at which it stood last, as far as that is known.
    witnesses: Vec<(Address, u64)>,
    /// The size of the last checkpoint that all of them signed.
    settled: Option<u64>,
}

impl Witnesses {
    /// These witnesses.
    ///
    /// # Errors
    /// [`Error::Keys`] if no client can be made, or one key is of two witnesses.
    pub fn new(archive: Archive, witnesses: Vec<Address>) -> Result<Self, Error> {
        let mut keys: Vec<_> = witnesses.iter().map(|witness| &witness.key).collect();
        keys.sort_unstable();
        if keys.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Error::Keys("one key is given for two witnesses".to_owned()));
        }
        let client = reqwest::Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none()).build();
        let client = client.map_err(|error| Error::Keys(format!("make a client for witnesses: {error}")))?;
        let witnesses = witnesses.into_iter().map(|witness| (witness, 0)).collect();
        Ok(Self { archive, client, witnesses, settled: None })
    }

    /// Asks each witness that has not signed this checkpoint, all at a time, and keeps what they sign.
    ///
    /// # Errors
    /// [`Error::Store`] if the archive is not reached. What a witness says is no error: see [`Asked`].
    pub async fn ask(&mut self, kept: &Kept) -> Result<Vec<Asked>, Error> {
        if self.settled == Some(kept.checkpoint.size) || self.witnesses.is_empty() {
            let signed = |(witness, _): &(Address, u64)| Asked { witness: witness.to_string(), outcome: Ok(()) };
            return Ok(self.witnesses.iter().map(signed).collect());
        }
        let objects = Objects { archive: self.archive.clone() };
        let kept = &objects.with_cosignatures(kept.clone()).await?;
        let asked = self.witnesses.iter_mut().map(|(witness, stands)| {
            let (archive, client) = (self.archive.clone(), &self.client);
            async move {
                let outcome = ask(&archive, client, witness, stands, kept).await?;
                Ok::<_, Error>(Asked { witness: witness.to_string(), outcome })
            }
        });
        let asked = join_all(asked).await.into_iter().collect::<Result<Vec<_>, Error>>()?;
        if asked.iter().any(|asked| asked.outcome.is_ok()) {
            publish(&objects, kept.clone()).await?;
        }
        self.settled = asked.iter().all(|asked| asked.outcome.is_ok()).then_some(kept.checkpoint.size);
        Ok(asked)
    }
}

/// Asks one witness; the outer result is the archive's, the inner one the witness's.
async fn ask(
    archive: &Archive,
    client: &reqwest::Client,
    witness: &Address,
    stands: &mut u64,
    kept: &Kept,
) -> Result<Result<(), Refused>, Error> {
    if kept.note.signed_by(std::slice::from_ref(&witness.key)).is_ok_and(|signed| !signed.is_empty()) {
        return Ok(Ok(()));
    }
    let size = kept.checkpoint.size;
    for _ in 0..TRIES_MAX {
        if *stands > size {
            // It saw more than this archive has: another signer is ahead, or the archive was put back to an older
            // state.
            let ahead = format!("it saw {stands} entries, and the newest checkpoint here is over {size}");
            return Ok(Err(Refused::Refuses(ahead)));
        }
        invariant!(I3, *stands <= size, "a witness that saw {stands} entries is about to be shown {size}");
        let proof = Reader::new(archive.clone()).consistency(*stands, size, size).await?;
        let request = AddCheckpoint { old: *stands, proof, note: kept.note.clone() };
        let (status, body) = match post(client, witness, request.to_bytes()).await {
            Ok(answer) => answer,
            Err(reason) => return Ok(Err(Refused::Away(reason))),
        };
        let said = || String::from_utf8_lossy(&body).chars().take(200).collect::<String>();
        match status {
            200 => {
                let signed = match cosigned(&kept.note, &body, &witness.key) {
                    Ok(signed) => signed,
                    Err(reason) => {
                        return Ok(Err(Refused::Refuses(format!("what it signed is not its own: {reason}"))));
                    }
                };
                keep(archive, witness, size, &signed).await?;
                *stands = size;
                return Ok(Ok(()));
            }
            409 => match said().trim_end().parse::<u64>() {
                // It stands where we said, and refuses all the same: of as many entries it saw another tree.
                Ok(seen) if seen == *stands && seen == size => {
                    let fork = format!("it saw another tree of {size} entries: the log was forked");
                    return Ok(Err(Refused::Refuses(fork)));
                }
                Ok(seen) if seen == *stands => {
                    let reason = format!("409 though it stands at the {seen} entries that it was told");
                    return Ok(Err(Refused::Refuses(reason)));
                }
                Ok(seen) => *stands = seen,
                Err(_) => return Ok(Err(Refused::Refuses(format!("409 without a size: {:?}", said())))),
            },
            // It asks for patience.
            408 | 429 => return Ok(Err(Refused::Away(format!("status {status}")))),
            400..=499 => return Ok(Err(Refused::Refuses(format!("status {status}: {}", said().trim_end())))),
            _ => return Ok(Err(Refused::Away(format!("status {status}: {}", said().trim_end())))),
        }
    }
    Ok(Err(Refused::Away(format!("it moved {TRIES_MAX} times while it was asked"))))
}

/// Keeps what a witness signed. If it signed this checkpoint before, that stands; what stands there and is not its
/// signature is replaced.
async fn keep(archive: &Archive, witness: &Address, size: u64, signed: &Note) -> Result<(), Error> {
    let is_its = |line: &&Signature| line.name() == witness.key.name() && line.id() == witness.key.id();
    let lines: String = signed.signatures().iter().filter(is_its).map(|line| format!("{line}\n")).collect();
    let key = TransparencyKey::cosignature(size, &witness.key.to_string());
    let objects = Objects { archive: archive.clone() };
    if objects.create(&key, lines.clone().into()).await? {
        return Ok(());
    }
    let there = objects.get(&key).await?.unwrap_or_default();
    if cosigned(signed, &there, &witness.key).is_err() {
        archive.put_content(&key.path(), lines.into()).await?;
    }
    Ok(())
}

async fn post(client: &reqwest::Client, witness: &Address, body: Vec<u8>) -> Result<(u16, Vec<u8>), String> {
    let answer = async {
        let mut answer = client.post(format!("{}/add-checkpoint", witness.url)).body(body).send().await?;
        let status = answer.status().as_u16();
        let mut read = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            read.extend_from_slice(&chunk);
            if read.len() > ANSWER_BYTES_MAX {
                read.truncate(ANSWER_BYTES_MAX);
                break;
            }
        }
        Ok((status, read))
    };
    answer.await.map_err(|error: reqwest::Error| crate::causes::causes(&error.without_url()))
}
