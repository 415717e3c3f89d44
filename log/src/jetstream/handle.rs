//! A handle on one stream of the broker: its connection, and what it has seen stored there.

#![expect(clippy::disallowed_methods, reason = "a stream without a leader is asked again after a pause")]

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_nats::jetstream::{ErrorCode, stream};
use futures::StreamExt as _;
use serde_json::json;
use tokio::sync::{Semaphore, watch};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    invariant,
    jetstream::{
        config::{self, Config},
        link::{Link, Refusal},
    },
    log::{Error, Info, Stream},
    position::{Epoch, Seq},
};

/// How often a new leader is asked again that reports fewer frames than were acknowledged: it may have to catch up. A
/// single server does not.
const LEADER_TRIES: usize = 10;
/// The pause before each of those.
const LEADER_PAUSE: Duration = Duration::from_millis(200);
/// So many readers of one handle receive batches at a time; others wait. Together they stay under the 64 MiB at which
/// the broker cuts off a slow client.
pub(super) const PULLS_MAX: usize = 4;

/// A log in a JetStream stream.
#[derive(Debug)]
pub struct JetStreamLog {
    pub(super) config: Config,
    /// The stream's name on the broker.
    pub(super) name: String,
    /// Where frames are published.
    pub(super) subject: String,
    pub(super) link: Link,
    /// The last sequence that the broker has acknowledged, sent or reported to this handle. A broker that later reports
    /// less has lost frames.
    seen: AtomicU64,
    /// Changes with every notice, which wakes readers at the tail. It is only a hint, since anybody may publish there.
    pub(super) heard: watch::Sender<()>,
    /// The epoch in which it was opened.
    epoch: OnceLock<Epoch>,
    /// Set for good when the broker has lost frames: which should be its last, and which is. A person must look.
    lost: OnceLock<(Seq, Seq)>,
    /// One permit for each reader that may receive a batch now.
    pub(super) pulls: Semaphore,
    /// Takes the broker's notices of stored frames.
    _notices: AbortOnDropHandle<()>,
}

impl JetStreamLog {
    /// Connects, and creates the stream if there is none.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the broker cannot be reached or has no JetStream; [`Error::Fatal`] if it does not let
    /// us in, or has the stream with weaker settings, the first of which is named.
    pub async fn connect(config: Config, stream: Stream) -> Result<Self, Error> {
        let link = Link::connect(&config.url, config.ack_timeout).await?;
        let name = config.stream_name(stream);
        ensure_stream(&link, &name, &config.wanted(stream)).await?;
        Self::on(link, config, stream).await
    }

    /// Connects to a stream that is there, to read it, whatever it promises; `None` if there is none. Nothing is
    /// created.
    ///
    /// # Errors
    /// As [`JetStreamLog::connect`].
    pub async fn connect_existing(config: Config, stream: Stream) -> Result<Option<Self>, Error> {
        let link = Link::connect(&config.url, config.ack_timeout).await?;
        if find_stream(&link, &config.stream_name(stream)).await?.is_none() {
            return Ok(None);
        }
        Self::on(link, config, stream).await.map(Some)
    }

    async fn on(link: Link, config: Config, stream: Stream) -> Result<Self, Error> {
        let (name, subject) = (config.stream_name(stream), config.subject(stream));
        let heard = watch::channel(()).0;
        let notices = listen(&link, config.notice_subject(stream), heard.clone()).await?;
        let log = Self {
            config,
            name,
            subject,
            link,
            seen: AtomicU64::new(0),
            heard,
            epoch: OnceLock::new(),
            lost: OnceLock::new(),
            pulls: Semaphore::new(PULLS_MAX),
            _notices: notices,
        };
        log.saw(log.range().await?.last);
        Ok(log)
    }

    /// Remembers that the frame `seq` is stored.
    pub(super) fn saw(&self, seq: Seq) {
        self.seen.fetch_max(seq.get(), Ordering::SeqCst);
    }

    /// The last frame that this handle knows to be stored.
    pub(super) fn last_seen(&self) -> Seq {
        Seq::new(self.seen.load(Ordering::SeqCst)).expect("only sequences are stored")
    }

    /// Remembers for good that the broker reports `last` as its last frame, although `expected` was stored.
    pub(super) fn rewound(&self, expected: Seq, last: Seq) {
        if self.lost.set((expected, last)).is_ok() {
            tracing::error!(stream = self.name, %expected, %last, "the broker has lost frames that it had acknowledged");
        }
    }

    /// Refuses to go on with a broker that has lost frames.
    pub(super) fn check_intact(&self) -> Result<(), Error> {
        match self.lost.get() {
            Some(&(expected, last)) => Err(Error::Gap { expected, found: None, last }),
            None => Ok(()),
        }
    }

    pub(super) async fn stream_info(&self) -> Result<stream::Info, Error> {
        Ok(self.link.api(&format!("STREAM.INFO.{}", self.name), &json!({})).await?)
    }

    /// Writes the epoch into the stream's settings, which stay as they are otherwise.
    pub(super) async fn write_epoch(&self, epoch: Epoch) -> Result<(), Error> {
        let mut settings = self.stream_info().await?.config;
        config::set_epoch(&mut settings, epoch);
        let _: stream::Info = self.link.api(&format!("STREAM.UPDATE.{}", self.name), &settings).await?;
        Ok(())
    }

    /// The present range, checked against what this handle has seen.
    pub(super) async fn range(&self) -> Result<Info, Error> {
        let mut tries = 0;
        loop {
            self.check_intact()?;
            let seen_before = self.last_seen();
            let found = self.stream_info().await?;
            let info = info_of(&found)?;
            let opened = *self.epoch.get_or_init(|| info.epoch);
            if info.epoch != opened {
                let (now, opened) = (info.epoch.get(), opened.get());
                return Err(Error::Fatal(format!(
                    "the log is in epoch {now}, and was opened in epoch {opened}: open it again"
                )));
            }
            if info.last >= seen_before {
                self.saw(info.last);
                return Ok(info);
            }
            tries += 1;
            if found.config.num_replicas <= 1 || tries > LEADER_TRIES {
                self.rewound(seen_before, info.last);
                continue;
            }
            tokio::time::sleep(LEADER_PAUSE).await;
        }
    }
}

/// Creates the stream if there is none, and checks that it promises all that `wanted` does.
async fn ensure_stream(link: &Link, name: &str, wanted: &stream::Config) -> Result<(), Error> {
    let weakness = config::weakness(wanted, wanted);
    invariant!(I1, weakness.is_none(), "a stream is created that would be refused: {weakness:?}");
    let found = match find_stream(link, name).await? {
        Some(found) => found,
        None => match link.api::<stream::Info>(&format!("STREAM.CREATE.{name}"), wanted).await {
            // Another process created it meanwhile, with other settings.
            Err(Refusal::Server(error)) if error.error_code() == ErrorCode::STREAM_NAME_EXIST => {
                link.api(&format!("STREAM.INFO.{name}"), &json!({})).await?
            }
            created => created?,
        },
    };
    config::weakness(&found.config, wanted).map_or(Ok(()), |sentence| Err(Error::Fatal(sentence)))
}

async fn find_stream(link: &Link, name: &str) -> Result<Option<stream::Info>, Error> {
    match link.api::<stream::Info>(&format!("STREAM.INFO.{name}"), &json!({})).await {
        Err(Refusal::Server(error)) if error.error_code() == ErrorCode::STREAM_NOT_FOUND => Ok(None),
        found => Ok(Some(found?)),
    }
}

/// Passes on notices of stored frames until the handle is dropped. If one is lost, a reader waits a little longer.
async fn listen(link: &Link, subject: String, heard: watch::Sender<()>) -> Result<AbortOnDropHandle<()>, Error> {
    let subscribed = link.client.subscribe(subject).await;
    let mut notices = subscribed.map_err(|error| Error::Unavailable(format!("subscribe to notices: {error}")))?;
    let run = async move {
        while notices.next().await.is_some() {
            heard.send_replace(());
        }
    };
    Ok(AbortOnDropHandle::new(tokio::spawn(run)))
}

fn info_of(found: &stream::Info) -> Result<Info, Error> {
    let seq = |number| Seq::new(number).ok_or_else(|| Error::Fatal(format!("sequence {number} is too large")));
    let epoch = config::epoch_of(&found.config).ok_or_else(|| Error::Fatal("the stream has lost its epoch".into()))?;
    let last = seq(found.state.last_sequence)?;
    let first = if found.state.messages == 0 { last.next() } else { seq(found.state.first_sequence)? };
    Ok(Info { epoch, first, last, bytes: found.state.bytes })
}
