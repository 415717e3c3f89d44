//! Request bodies: read within limits, inflated within limits, and kept as far as they came when they are of no use.

#![expect(clippy::disallowed_methods, reason = "a body has a deadline")]

use std::{
    borrow::Cow,
    io::{self, Read},
};

use axum::{
    body::Body,
    http::{HeaderMap, header},
};
use futures::StreamExt as _;
use tokio::time;

use crate::{budget::Claim, limits::Limits};
use clicktrail_capture::Reason;

/// How much of a body is inflated between two looks at the limit.
const INFLATE_STEP_BYTES: usize = 64 << 10;
/// How much of a body that is too large is read past; of a larger one the connection is closed, answered or not.
const DISCARD_BYTES_MAX: usize = 64 << 20;
/// zstd windows up to 8 MiB: what RFC 9659 lets senders of `Content-Encoding: zstd` use.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// Why a body as a whole is of no use. It becomes one rejected record.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    #[error("the body is longer than {max} bytes{when}")]
    TooLarge { max: usize, when: &'static str },
    #[error("the body holds more than {max} events")]
    TooManyItems { max: usize },
    #[error("the body took too long to arrive")]
    TooSlow,
    #[error("the body ended early: {0}")]
    Incomplete(String),
    #[error("content encoding `{0}` is not supported: use gzip or zstd")]
    Encoding(String),
    #[error("content type `{0}` is not supported: use application/json or application/x-ndjson")]
    MediaType(String),
    #[error("the body is not valid {encoding}, or ends early: {cause}")]
    Damaged { encoding: &'static str, cause: io::Error },
    #[error("{0}")]
    NotEvents(Reason),
}

impl Unusable {
    /// The stable code.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "body_too_large",
            Self::TooManyItems { .. } => "too_many_events",
            Self::TooSlow => "body_too_slow",
            Self::Incomplete(_) => "body_incomplete",
            Self::Encoding(_) => "unsupported_encoding",
            Self::MediaType(_) => "unsupported_media_type",
            Self::Damaged { .. } => "body_damaged",
            Self::NotEvents(reason) => reason.code(),
        }
    }
}

/// Why there is nothing to go on with.
#[derive(Debug)]
pub(super) enum Failure {
    Unusable(Unusable),
    /// All bodies together are too much: told to come back.
    NoRoom,
}

impl From<Unusable> for Failure {
    fn from(unusable: Unusable) -> Self {
        Self::Unusable(unusable)
    }
}

/// What the items of a body look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// A list, or one object.
    Json,
    /// One object a line.
    Ndjson,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

/// The value of a header in lower case without its parameters; empty if there is none.
fn token(headers: &HeaderMap, name: header::HeaderName) -> String {
    let value = headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let value = value.as_deref().unwrap_or("");
    value.split(';').next().unwrap_or("").trim().to_ascii_lowercase()
}

/// What the headers say about the body.
pub(super) fn kind(headers: &HeaderMap) -> Result<(Format, Encoding), Unusable> {
    let encoding = match token(headers, header::CONTENT_ENCODING).as_str() {
        "" | "identity" => Encoding::Identity,
        "gzip" | "x-gzip" => Encoding::Gzip,
        "zstd" => Encoding::Zstd,
        other => return Err(Unusable::Encoding(other.to_owned())),
    };
    let format = match token(headers, header::CONTENT_TYPE).as_str() {
        "application/json" => Format::Json,
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Format::Ndjson,
        other => return Err(Unusable::MediaType(other.to_owned())),
    };
    Ok((format, encoding))
}

/// Reads a body into `bytes`, which hold what came also when reading fails. What is too much is let pass: a client
/// that is still sending hears no answer.
pub(super) async fn read(body: Body, limits: &Limits, claim: &mut Claim, bytes: &mut Vec<u8>) -> Result<(), Failure> {
    let deadline = time::Instant::now() + limits.body_timeout;
    let mut chunks = body.into_data_stream();
    let failure = loop {
        let chunk = match time::timeout_at(deadline, chunks.next()).await {
            Ok(Some(Ok(chunk))) => chunk,
            Ok(Some(Err(cause))) => return Err(Unusable::Incomplete(cause.to_string()).into()),
            Ok(None) => return Ok(()),
            Err(_) => return Err(Unusable::TooSlow.into()),
        };
        if !claim.grow(chunk.len()) {
            break Failure::NoRoom;
        }
        bytes.extend_from_slice(&chunk);
        if bytes.len() > limits.body_bytes_max {
            break Unusable::TooLarge { max: limits.body_bytes_max, when: "" }.into();
        }
    };
    let mut passed = 0;
    while passed < DISCARD_BYTES_MAX
        && let Ok(Some(Ok(chunk))) = time::timeout_at(deadline, chunks.next()).await
    {
        passed += chunk.len();
    }
    Err(failure)
}

/// Inflates a body; stops as soon as it is over the limit.
pub(super) fn inflate<'a>(
    bytes: &'a [u8],
    encoding: Encoding,
    max: usize,
    claim: &mut Claim,
) -> Result<Cow<'a, [u8]>, Failure> {
    let inflated = match encoding {
        Encoding::Identity => return Ok(Cow::Borrowed(bytes)),
        Encoding::Gzip => inflate_from(flate2::read::MultiGzDecoder::new(bytes), "gzip", max, claim),
        Encoding::Zstd => {
            let damaged = |cause| Unusable::Damaged { encoding: "zstd", cause };
            let mut decoder = zstd::stream::read::Decoder::with_buffer(bytes).map_err(damaged)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(damaged)?;
            inflate_from(decoder, "zstd", max, claim)
        }
    };
    inflated.map(Cow::Owned)
}

fn inflate_from(
    mut reader: impl Read,
    encoding: &'static str,
    max: usize,
    claim: &mut Claim,
) -> Result<Vec<u8>, Failure> {
    let mut inflated = Vec::new();
    loop {
        let before = inflated.len();
        let step = u64::try_from(INFLATE_STEP_BYTES.min(max + 1 - before)).expect("a small number");
        let read = reader.by_ref().take(step).read_to_end(&mut inflated);
        let read = read.map_err(|cause| Unusable::Damaged { encoding, cause })?;
        if read == 0 {
            return Ok(inflated);
        }
        if inflated.len() > max {
            return Err(Unusable::TooLarge { max, when: " when inflated" }.into());
        }
        if !claim.grow(read) {
            return Err(Failure::NoRoom);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::budget::Budget;

    const MAX: usize = 200_000;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        zstd::encode_all(bytes, 3).unwrap()
    }

    fn inflated(bytes: &[u8], encoding: Encoding) -> Result<Vec<u8>, &'static str> {
        let mut claim = Budget::new(MAX * 2).claim();
        inflate(bytes, encoding, MAX, &mut claim).map(Cow::into_owned).map_err(|failure| match failure {
            Failure::Unusable(unusable) => unusable.code(),
            Failure::NoRoom => "no room",
        })
    }

    #[test]
    fn body_inflates_up_to_the_limit_and_stops_there() {
        for (encode, encoding) in [(gzip as fn(&[u8]) -> Vec<u8>, Encoding::Gzip), (zstd, Encoding::Zstd)] {
            for length in [0, 1, INFLATE_STEP_BYTES, MAX] {
                let plain = vec![b'x'; length];
                assert_eq!(inflated(&encode(&plain), encoding), Ok(plain), "{encoding:?} {length}");
            }
            assert_eq!(inflated(&encode(&vec![0; MAX + 1]), encoding), Err("body_too_large"));
            let bomb = encode(&vec![0; 64 << 20]);
            assert!(bomb.len() < 100_000);
            assert_eq!(inflated(&bomb, encoding), Err("body_too_large"));
        }
    }

    #[test]
    fn damaged_body_is_refused() {
        for (encode, encoding) in [(gzip as fn(&[u8]) -> Vec<u8>, Encoding::Gzip), (zstd, Encoding::Zstd)] {
            let whole = encode(&(0..50_000_u32).flat_map(u32::to_le_bytes).collect::<Vec<u8>>());
            for cut in [1, 5, whole.len() / 2, whole.len() - 1] {
                assert_eq!(inflated(&whole[..cut], encoding), Err("body_damaged"), "{encoding:?} cut at {cut}");
            }
            assert_eq!(inflated(b"[{\"kind\":\"click\"}]", encoding), Err("body_damaged"));
            let garbage_behind = [whole.as_slice(), b"garbage behind"].concat();
            assert_eq!(inflated(&garbage_behind, encoding), Err("body_damaged"));
            let twice = [encode(b"[1,"), encode(b"2]")].concat();
            assert_eq!(inflated(&twice, encoding), Ok(b"[1,2]".to_vec()));
        }
    }

    #[test]
    fn inflating_takes_from_the_budget_of_all_bodies() {
        let mut claim = Budget::new(1000).claim();
        let body = gzip(&[0; 2000]);
        let failure = inflate(&body, Encoding::Gzip, MAX, &mut claim);
        assert!(matches!(failure, Err(Failure::NoRoom)));
    }

    #[test]
    fn headers_say_what_the_body_is() {
        let check = |content_type: &str, encoding: Option<&str>, expected: Result<(Format, Encoding), &str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, content_type.parse().unwrap());
            if let Some(encoding) = encoding {
                headers.insert(header::CONTENT_ENCODING, encoding.parse().unwrap());
            }
            assert_eq!(kind(&headers).map_err(|unusable| unusable.code()), expected, "{content_type} {encoding:?}");
        };
        check("application/json", None, Ok((Format::Json, Encoding::Identity)));
        check("Application/JSON; charset=utf-8", Some("GZIP"), Ok((Format::Json, Encoding::Gzip)));
        check("application/x-ndjson", Some("zstd"), Ok((Format::Ndjson, Encoding::Zstd)));
        check("application/x-ndjson", Some("identity"), Ok((Format::Ndjson, Encoding::Identity)));
        check("text/plain", None, Err("unsupported_media_type"));
        check("", None, Err("unsupported_media_type"));
        check("application/json", Some("br"), Err("unsupported_encoding"));
        check("application/json", Some("gzip, gzip"), Err("unsupported_encoding"));
    }
}
