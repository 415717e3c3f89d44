//! A frame's header as message headers, and back. The names are stored: frozen with frame format 1.

use std::str::FromStr;

use async_nats::{
    HeaderMap,
    header::{NATS_EXPECTED_LAST_SEQUENCE, NATS_MESSAGE_ID},
};

use crate::{frame::Header, invariant, log::Condition, time::Timestamp};

const FORMAT: &str = "Ct-Format";
const SCHEMA: &str = "Ct-Schema";
const ROWS: &str = "Ct-Rows";
const WRITER: &str = "Ct-Writer";
const WRITER_EPOCH: &str = "Ct-Writer-Epoch";
const NUMBER: &str = "Ct-Number";
const SHA256: &str = "Ct-Sha256";
const PREVIOUS: &str = "Ct-Previous";
const FIRST_CAPTURED: &str = "Ct-First-Captured";
const LAST_CAPTURED: &str = "Ct-Last-Captured";

/// The message headers of a frame, with the identity by which the broker drops a copy sent again. The digest is part of
/// it: another frame of the same number is no copy.
pub(crate) fn of(header: &Header) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(NATS_MESSAGE_ID, format!("{}/{}", header.message_id(), header.digest()));
    headers.insert(FORMAT, header.format.to_string());
    headers.insert(SCHEMA, header.schema_id.as_str());
    headers.insert(ROWS, header.rows.to_string());
    headers.insert(WRITER, header.writer.to_string());
    headers.insert(WRITER_EPOCH, header.writer_epoch.to_string());
    headers.insert(NUMBER, header.number.to_string());
    headers.insert(SHA256, header.payload_digest.to_string());
    headers.insert(PREVIOUS, header.previous.to_string());
    headers.insert(FIRST_CAPTURED, header.first_captured.micros().to_string());
    headers.insert(LAST_CAPTURED, header.last_captured.micros().to_string());
    invariant!(
        I1,
        parse(&headers).as_ref() == Ok(header),
        "the headers of frame {} do not read back",
        header.message_id()
    );
    headers
}

/// The same on a condition that the broker checks.
pub(crate) fn on(condition: Condition, header: &Header) -> HeaderMap {
    let mut headers = of(header);
    match condition {
        Condition::Behind(last) => headers.insert(NATS_EXPECTED_LAST_SEQUENCE, last.to_string()),
        // Within the duplicate window the broker names the frame that has the number.
        Condition::NumberUnused => headers.insert(NATS_MESSAGE_ID, header.message_id()),
    }
    headers
}

/// The frame's header from a message's headers. The error says which one is missing or damaged.
pub(crate) fn parse(headers: &HeaderMap) -> Result<Header, String> {
    Ok(Header {
        format: field(headers, FORMAT)?,
        schema_id: field(headers, SCHEMA)?,
        rows: field(headers, ROWS)?,
        writer: field(headers, WRITER)?,
        writer_epoch: field(headers, WRITER_EPOCH)?,
        number: field(headers, NUMBER)?,
        payload_digest: field(headers, SHA256)?,
        previous: field(headers, PREVIOUS)?,
        first_captured: Timestamp::from_micros(field(headers, FIRST_CAPTURED)?),
        last_captured: Timestamp::from_micros(field(headers, LAST_CAPTURED)?),
    })
}

/// The value of one header; the error is a sentence. If there are several of the name, the last one counts: the broker
/// adds its own at the end.
pub(crate) fn field<T: FromStr>(headers: &HeaderMap, name: &'static str) -> Result<T, String> {
    let text = headers.get_last(name).ok_or_else(|| format!("header {name} is missing"))?.as_str();
    text.parse().map_err(|_| format!("header {name} is {text:?}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::frame::Digest;

    prop_compose! {
        fn headers()(
            (format, rows, writer_epoch, number) in any::<(u16, u32, u32, u64)>(),
            writer: u128,
            digests in any::<[[u8; 32]; 2]>(),
            (first, last) in any::<(i64, i64)>(),
        ) -> Header {
            Header {
                format,
                schema_id: format!("{:016x}", number ^ 7),
                rows,
                writer: Uuid::from_u128(writer),
                writer_epoch,
                number,
                payload_digest: Digest(digests[0]),
                previous: Digest(digests[1]),
                first_captured: Timestamp::from_micros(first),
                last_captured: Timestamp::from_micros(last),
            }
        }
    }

    proptest! {
        #[test]
        fn header_survives_the_trip_through_message_headers(header in headers()) {
            prop_assert_eq!(parse(&of(&header)), Ok(header));
        }
    }

    fn header() -> Header {
        Header {
            format: 1,
            schema_id: "abc".into(),
            rows: 65_536,
            writer: Uuid::from_u128(7),
            writer_epoch: 3,
            number: u64::MAX,
            payload_digest: Digest::of(b"payload"),
            previous: Digest::ZERO,
            first_captured: Timestamp::from_micros(-1),
            last_captured: Timestamp::from_micros(i64::MAX),
        }
    }

    #[test]
    fn missing_or_damaged_header_is_named() {
        for name in
            [FORMAT, SCHEMA, ROWS, WRITER, WRITER_EPOCH, NUMBER, SHA256, PREVIOUS, FIRST_CAPTURED, LAST_CAPTURED]
        {
            let mut headers = HeaderMap::new();
            for (other, values) in of(&header()).iter().filter(|(other, _)| other.to_string() != name) {
                headers.insert(other.clone(), values[0].clone());
            }
            assert_eq!(parse(&headers), Err(format!("header {name} is missing")));
            if name != SCHEMA {
                headers.insert(name, "no such value");
                assert_eq!(parse(&headers), Err(format!("header {name} is \"no such value\"")));
            }
        }
    }
}
