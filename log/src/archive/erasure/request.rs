//! A request to erase somebody, as it is stored until it is done. The value is not in it: a digest with a key that is
//! this request's alone, and that is destroyed with it. What remains of it in the audit trail is a digest that nobody
//! can try values against.

use clicktrail_evidence::salt::{self, HourKey};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    person::{Kind, Person, address_of},
    pieces,
};
use crate::{
    archive::{
        keys::ErasureKey,
        store::{Archive, Error},
    },
    frame::Digest,
    position::Seq,
    time::{Hour, Timestamp},
};

/// The version that is written.
const VERSION: u32 = 1;

/// Why there is no request.
#[derive(Debug, thiserror::Error)]
pub enum NotMade {
    /// The archive did not take it.
    #[error("store the request")]
    Archive(#[from] Error),
    /// The system gives no random bytes.
    #[error("make a key for the request")]
    Key(#[from] salt::Error),
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    version: u32,
    /// Its name.
    pub id: Uuid,
    /// What the person is known by.
    pub kind: Kind,
    /// A key as hours have them, in its file's form.
    key: String,
    /// SHA-256 of the key, the kind and the value.
    digest: String,
    /// Bytes of the value: few texts have as many, and only those are compared.
    bytes: u64,
    /// When it was made, microseconds: events that were captured until then are concerned.
    asked_at: i64,
    /// The last frame of the click log when it was made.
    through: u64,
    /// Events may reach the log until then that were captured before it, microseconds: from spools.
    until: i64,
    /// The last hour that was looked through.
    checked: Option<String>,
    /// The last frame of the rejected log that was: all up to it are in sealed hours that were looked through.
    rejected: u64,
}

impl Request {
    /// Stores a request about `person`, or finds the one that is open about the same.
    ///
    /// # Errors
    /// See [`NotMade`].
    pub async fn open(
        archive: &Archive,
        person: &Person,
        id: Uuid,
        (asked_at, until): (Timestamp, Timestamp),
        through: Seq,
    ) -> Result<Self, NotMade> {
        if let Some(known) = archive.erasures().await?.into_iter().find(|known| known.is(person)) {
            // What was captured since is concerned too, and hours are looked through once more.
            let asked_at = known.asked_at.max(asked_at.micros());
            let (through, until) = (known.through.max(through.get()), known.until.max(until.micros()));
            let renewed = Self { asked_at, through, until, checked: None, rejected: 0, ..known };
            renewed.put(archive).await?;
            return Ok(renewed);
        }
        let made = Self { id, through: through.get(), until: until.micros(), ..Self::about(person, asked_at)? };
        made.put(archive).await?;
        Ok(made)
    }

    /// A request that is stored nowhere, for whoever only looks.
    ///
    /// # Errors
    /// If the system gives no random bytes.
    pub fn about(person: &Person, asked_at: Timestamp) -> Result<Self, salt::Error> {
        let key = HourKey::random()?.to_file();
        Ok(Self {
            version: VERSION,
            id: Uuid::nil(),
            kind: person.kind(),
            digest: keyed(&key, person.kind(), person.value()).to_string(),
            key,
            bytes: person.value().len() as u64,
            asked_at: asked_at.micros(),
            through: 0,
            until: asked_at.micros(),
            checked: None,
            rejected: 0,
        })
    }

    async fn put(&self, archive: &Archive) -> Result<(), Error> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("it holds only text and integers");
        bytes.push(b'\n');
        archive.put_content(&ErasureKey { id: self.id }.path(), bytes.into()).await
    }

    /// How the audit trail names the person.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// When it was made.
    pub fn asked_at(&self) -> Timestamp {
        Timestamp::from_micros(self.asked_at)
    }

    /// Until when events may come that it is about.
    pub fn until(&self) -> Timestamp {
        Timestamp::from_micros(self.until)
    }

    /// The last frame that was logged when it was made.
    pub fn through(&self) -> u64 {
        self.through
    }

    /// The last hour that was looked through.
    pub fn checked(&self) -> Option<Hour> {
        self.checked.as_deref().and_then(Hour::parse)
    }

    /// The hours up to this one were looked through.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub(super) async fn check(&mut self, archive: &Archive, hour: Hour) -> Result<(), Error> {
        self.checked = Some(hour.to_string());
        self.put(archive).await
    }

    /// The last frame of the rejected log that was looked at.
    pub fn rejected(&self) -> Seq {
        Seq::new(self.rejected).unwrap_or(Seq::ZERO)
    }

    /// The rejected log was looked at up to this frame.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn check_rejected(&mut self, archive: &Archive, through: Seq) -> Result<(), Error> {
        self.rejected = through.get();
        self.put(archive).await
    }

    /// Whether it is about this person.
    pub fn is(&self, person: &Person) -> bool {
        self.kind == person.kind() && self.matches(person.value())
    }

    /// Whether a text names the person.
    pub(super) fn names(&self, text: &str) -> bool {
        match self.kind {
            Kind::User => self.matches(text),
            Kind::Address => address_of(text).is_some_and(|address| self.matches(&address)),
        }
    }

    /// Whether a text, or a word of it, names the person.
    pub fn is_in(&self, text: &str) -> bool {
        pieces::any(text, &mut |piece| self.names(piece))
    }

    fn matches(&self, value: &str) -> bool {
        value.len() as u64 == self.bytes && keyed(&self.key, self.kind, value).to_string() == self.digest
    }
}

fn keyed(key: &str, kind: Kind, value: &str) -> Digest {
    Digest::of(format!("{key}{}\n{value}", kind.as_str()).as_bytes())
}

impl Archive {
    /// The requests that are not done, in the order in which they were made.
    ///
    /// # Errors
    /// [`Error::Damaged`] naming one that cannot be read; [`Error::Unavailable`].
    pub async fn erasures(&self) -> Result<Vec<Request>, Error> {
        let mut requests = Vec::new();
        for found in self.list(&ErasureKey::prefix()).await? {
            if ErasureKey::parse(found.path.as_ref()).is_none() {
                continue;
            }
            let bytes = match self.get(&found.path).await {
                // It was done meanwhile.
                Err(Error::Missing(_)) => continue,
                read => read?,
            };
            let damaged = |reason: String| Error::Damaged { key: found.path.to_string(), reason };
            let request: Request = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
            if request.version != VERSION {
                return Err(damaged(format!("version {} is not known here; the newest is {VERSION}", request.version)));
            }
            requests.push(request);
        }
        requests.sort_by_key(|request| (request.asked_at, request.id));
        Ok(requests)
    }

    /// A request is done: its key is destroyed with it.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn close_erasure(&self, request: &Request) -> Result<(), Error> {
        self.remove(&ErasureKey { id: request.id }.path()).await
    }
}
