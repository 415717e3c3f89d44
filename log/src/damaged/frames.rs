//! Frames whose digests fit: as a broken or forged writer would make them.

use arrow::util::pretty::pretty_format_batches;
use async_nats::{HeaderMap, HeaderName};
use clicktrail_damage::{Random, Trial, mutate, test};
use lz4_flex::block;

use super::fixture;
use crate::{
    chain::Chain,
    frame::{Digest, Frame, Header},
    jetstream::headers,
};

/// Message headers, from the lines of a fixture; lines that no message can carry are left out.
fn headers_of(lines: &[u8]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for line in String::from_utf8_lossy(lines).lines() {
        let Some((name, value)) = line.split_once(": ") else { continue };
        // Of what the client refuses to hold, nothing arrives.
        if let (Ok(name), false) = (name.parse::<HeaderName>(), value.contains('\r')) {
            map.insert(name, value);
        }
    }
    map
}

fn header_of(name: &str) -> Header {
    headers::parse(&headers_of(&fixture(&format!("{name}/headers.txt")))).unwrap()
}

const NAMES: [&str; 3] = ["frame-1", "rejected-1", "invoices-1"];

/// Reads a payload as one of the frames, whose digest fits whatever it is.
fn read(payload: &[u8]) {
    for name in NAMES {
        let mut header = header_of(name);
        header.payload_digest = Digest::of(payload);
        let frame = Frame { header, payload: payload.to_vec().into() };
        match frame.decode() {
            Ok(batch) => {
                assert_eq!(batch.num_rows(), frame.header.rows as usize);
                pretty_format_batches(&[batch]).unwrap();
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
        if name == "invoices-1" {
            let _ = crate::invoices::schema::from_frame(&frame);
        }
    }
}

#[test]
fn payload_that_says_anything_is_read_or_refused() {
    let payloads = NAMES.map(|name| fixture(&format!("{name}/payload.bin")));
    Trial::of(test!(payload_that_says_anything_is_read_or_refused)).bytes_per_byte(300).examples(payloads).run(read);
}

#[test]
fn batch_below_the_compression_that_says_anything_is_read_or_refused() {
    let inflated = |name: &str| {
        let payload = fixture(&format!("{name}/payload.bin"));
        let length = u32::from_le_bytes(payload[..4].try_into().unwrap()) as usize;
        block::decompress(&payload[4..], length).unwrap()
    };
    let streams = NAMES.map(inflated).to_vec();
    let draw = |random: &mut Random| {
        let stream = mutate::of_examples(random, &streams, &[]);
        let length = u32::try_from(stream.len()).unwrap().to_le_bytes();
        [&length[..], &block::compress(&stream)].concat()
    };
    let trial = Trial::of(test!(batch_below_the_compression_that_says_anything_is_read_or_refused));
    trial.bytes_per_byte(1_000).run_drawn(draw, read);
}

#[test]
fn headers_that_say_anything_are_read_or_the_bad_one_is_named() {
    let trial = Trial::of(test!(headers_that_say_anything_are_read_or_the_bad_one_is_named));
    let lines = NAMES.map(|name| fixture(&format!("{name}/headers.txt")));
    trial.examples(lines).run(|lines| match headers::parse(&headers_of(lines)) {
        Ok(header) => {
            let first = header_of("frame-1");
            let mut chain = Chain::default();
            for header in [&first, &header, &first, &header] {
                let _ = chain.admit(header);
            }
            let stored = chain.to_stored();
            assert_eq!(Chain::after(&[], &stored), Some(chain));
        }
        Err(error) => assert!(error.contains("header Ct-"), "{error}"),
    });
}
