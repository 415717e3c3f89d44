//! Which broker, which streams, and how a stream must be set up for an acknowledgement to mean what we say.

use std::time::Duration;

use async_nats::jetstream::stream::{self, DiscardPolicy, Republish, RetentionPolicy, StorageType};

use crate::{frame, log::Stream, position::Epoch};

/// The key in a stream's metadata that holds the log's epoch.
const EPOCH_KEY: &str = "clicktrail-epoch";
/// How long the broker itself recognises a frame that is sent again, unless the configuration says otherwise.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(15 * 60);
/// A stream must not drop frames by age before this: the archiver needs ample time.
const AGE_MIN: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// The largest message: payload and headers of the largest frame.
pub(super) const MESSAGE_BYTES_MAX: i32 = 1 << 20;
/// What the headers of a frame may take; they take a few hundred bytes.
const HEADER_BYTES_MAX: usize = 4_096;

const _: () = assert!(
    frame::PAYLOAD_BYTES_MAX + HEADER_BYTES_MAX <= MESSAGE_BYTES_MAX as usize,
    "the largest frame fits a message with its headers"
);
const _: () = assert!(DUPLICATE_WINDOW.as_secs() < AGE_MIN.as_secs(), "a frame outlives the memory of its identity");

/// Where a JetStream log lives and how long to wait for it.
#[derive(Debug, Clone)]
pub struct Config {
    /// `nats://host:port`, several separated by commas; `nats://user:password@host:port` to log in.
    pub url: String,
    /// Goes before the stream's name, so that several installations can share a broker. Empty gives `CLICKS`.
    pub prefix: String,
    /// On how many servers a frame is stored: 1, 3 or 5. An existing stream with fewer is refused.
    pub replicas: usize,
    /// The largest size of one stream in bytes. Beyond it appends are refused, because the log is full. `None` leaves
    /// the limit to the server. Used when the stream is created.
    pub bytes_max: Option<i64>,
    /// After so long without an acknowledgement, the outcome of an append is unknown.
    pub ack_timeout: Duration,
    /// The server's monitoring address, as in `http://127.0.0.1:8222`: the only way to know when it fsyncs.
    pub monitor_url: Option<String>,
    /// The epoch of a stream that has to be created. More than 1 only when an earlier broker was lost.
    pub epoch_if_created: Epoch,
    /// How long the broker itself recognises a frame that is sent again. Later, the readers' chains do. A stream with
    /// less is refused.
    pub duplicate_window: Duration,
}

impl Config {
    /// One replica, five seconds, the default names.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            prefix: String::new(),
            replicas: 1,
            bytes_max: None,
            ack_timeout: Duration::from_secs(5),
            monitor_url: None,
            epoch_if_created: Epoch::FIRST,
            duplicate_window: DUPLICATE_WINDOW,
        }
    }

    /// `CLICKS`, after the prefix.
    pub fn stream_name(&self, stream: Stream) -> String {
        format!("{}{}", self.prefix, stream.as_str().to_uppercase())
    }

    /// Where frames are published: `clicktrail.clicks`, with the prefix before the last word.
    pub fn subject(&self, stream: Stream) -> String {
        format!("clicktrail.{}{stream}", self.prefix)
    }

    /// Where the broker tells readers, without the payload, that a frame was stored.
    pub(super) fn notice_subject(&self, stream: Stream) -> String {
        format!("clicktrail.stored.{}{stream}", self.prefix)
    }

    /// The stream as we create it.
    pub(super) fn wanted(&self, stream: Stream) -> stream::Config {
        let subject = self.subject(stream);
        stream::Config {
            name: self.stream_name(stream),
            description: Some(format!("clicktrail: the log of {stream}")),
            subjects: vec![subject.clone()],
            retention: RetentionPolicy::Limits,
            storage: StorageType::File,
            discard: DiscardPolicy::New,
            deny_delete: true,
            allow_direct: true,
            duplicate_window: self.duplicate_window,
            max_messages: -1,
            max_messages_per_subject: -1,
            max_consumers: -1,
            max_bytes: self.bytes_max.unwrap_or(-1),
            max_message_size: MESSAGE_BYTES_MAX,
            num_replicas: self.replicas,
            republish: Some(Republish {
                source: subject,
                destination: self.notice_subject(stream),
                headers_only: true,
            }),
            metadata: [(EPOCH_KEY.to_owned(), self.epoch_if_created.get().to_string())].into(),
            ..stream::Config::default()
        }
    }
}

/// The epoch in a stream's metadata; `None` if there is none.
pub(super) fn epoch_of(found: &stream::Config) -> Option<Epoch> {
    found.metadata.get(EPOCH_KEY).and_then(|text| text.parse().ok()).and_then(Epoch::new)
}

/// Writes the epoch into a stream's metadata.
pub(super) fn set_epoch(settings: &mut stream::Config, epoch: Epoch) {
    settings.metadata.insert(EPOCH_KEY.to_owned(), epoch.get().to_string());
}

/// The first setting by which an existing stream promises less than `wanted`, as a sentence; `None` if it keeps all.
pub(super) fn weakness(found: &stream::Config, wanted: &stream::Config) -> Option<String> {
    let rules = [
        (found.storage == StorageType::File, "storage is not file"),
        (found.retention == RetentionPolicy::Limits, "retention is not limits"),
        (found.discard == DiscardPolicy::New, "discard is not new: a full stream would drop its oldest frames"),
        (found.deny_delete, "deny_delete is off"),
        (!found.deny_purge, "deny_purge is on: archived frames could not be trimmed"),
        (!found.allow_rollup, "allow_rollup_hdrs is on: one message could drop all others"),
        (!found.allow_message_ttl, "allow_msg_ttl is on: frames could expire"),
        (found.allow_direct, "allow_direct is off"),
        (!found.no_ack, "no_ack is on"),
        (!found.sealed, "it is sealed"),
        (found.mirror.is_none() && found.sources.as_ref().is_none_or(Vec::is_empty), "it is fed by other streams"),
        (found.subject_transform.is_none(), "subject_transform is set"),
        (found.max_age.is_zero() || found.max_age >= AGE_MIN, "max_age is under 30 days"),
        (found.max_messages_per_subject <= 0, "max_msgs_per_subject is set: older frames would be dropped"),
        (found.duplicate_window >= wanted.duplicate_window, "duplicate_window is under 15 minutes"),
        (found.max_message_size <= 0 || found.max_message_size >= MESSAGE_BYTES_MAX, "max_msg_size is under 1 MiB"),
        (
            found.num_replicas >= wanted.num_replicas,
            "num_replicas is lower than configured: raise it on the broker (nats stream edit NAME --replicas NUMBER)",
        ),
        (found.subjects == wanted.subjects, "subjects differ"),
        (found.republish == wanted.republish, "republish differs: readers would not hear of new frames"),
        (epoch_of(found).is_some(), "metadata has no clicktrail-epoch in 1..=127"),
    ];
    let broken = rules.iter().find(|(kept, _)| !kept);
    broken.map(|(_, rule)| format!("stream {} exists with other settings: {rule}", found.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stream_as_created_has_no_weakness() {
        let wanted = Config::new("nats://localhost").wanted(Stream::Clicks);
        assert_eq!(wanted.name, "CLICKS");
        assert_eq!(wanted.subjects, ["clicktrail.clicks"]);
        assert_eq!(weakness(&wanted, &wanted), None);
    }

    #[test]
    fn weaker_setting_is_named() {
        let wanted = Config::new("nats://localhost").wanted(Stream::Clicks);
        let check = |change: fn(&mut stream::Config), expected: &str| {
            let mut found = wanted.clone();
            change(&mut found);
            let sentence = weakness(&found, &wanted).unwrap_or_default();
            assert!(sentence.contains(expected), "{sentence:?} does not name {expected}");
        };
        check(|found| found.storage = StorageType::Memory, "storage");
        check(|found| found.discard = DiscardPolicy::Old, "discard");
        check(|found| found.deny_delete = false, "deny_delete");
        check(|found| found.max_age = Duration::from_secs(60), "max_age");
        check(|found| found.duplicate_window = Duration::from_secs(120), "duplicate_window");
        check(|found| found.num_replicas = 0, "num_replicas");
        check(|found| found.metadata.clear(), "clicktrail-epoch");
    }
}
