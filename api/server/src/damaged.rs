//! Requests with damaged paths, queries, headers and bodies: each is answered, every item of it is counted once, and no
//! answer is a server's error.

use axum::{
    body::Body,
    http::{HeaderValue, Request},
};
use clicktrail_damage::{Trial, test};
use tokio::runtime::{Builder, Runtime};

use crate::{client_address::client_address, limits::Limits, testing::Doors};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn link_or_pixel_of_any_path_query_and_header_is_answered() {
    let runtime = runtime();
    let doors = runtime.block_on(Doors::open(Limits { trusted_hops: 1, ..Limits::default() }));
    let trial = Trial::of(test!(link_or_pixel_of_any_path_query_and_header_is_answered)).slow(2).examples([
        "/c/known?pub=p&pl=slot%201&uid=u&sid=&eid=e-1",
        "/i.gif?ad=known&eid=%F0%9F%92%A9&kind=x",
        "/c/a%2Fb%20c?%ff=%zz&a=b&a=c",
        "/c/unknown?url=https://evil.example/",
    ]);
    trial.words(&["&eid=", "&uid=", "%00", "%ff", "&pub=%0A", "?", "#", "/c/", "+"]).run(|bytes| {
        let text = String::from_utf8_lossy(bytes);
        let Ok(request) = Request::get(&*text).body(Body::empty()) else { return };
        let mut request = request;
        if let Ok(header) = HeaderValue::from_bytes(bytes) {
            for name in ["user-agent", "referer", "x-forwarded-for", "sec-purpose", "x-request-id"] {
                request.headers_mut().insert(name, header.clone());
            }
        }
        let answer = runtime.block_on(doors.send(request));
        assert!(answer.status.as_u16() < 500 || answer.outcome() == "503 prefetch_refused", "{answer:?}");
        assert!(!answer.header("location").contains("evil"), "{answer:?}");
    });
}

#[test]
fn batch_of_any_bytes_and_encoding_is_answered() {
    use std::io::Write as _;
    let runtime = runtime();
    let doors = runtime.block_on(Doors::open(Limits::default()));
    let plain = br#"[{"event_id":"a","kind":"click","ad_id":"known"},{"kind":"impression","ad_id":"known","ip":"::1","new":1},7]"#;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(plain).unwrap();
    let mut deflate = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    deflate.write_all(plain).unwrap();
    let trial = Trial::of(test!(batch_of_any_bytes_and_encoding_is_answered)).slow(4).bytes_per_byte(1_100);
    let trial = trial.examples([plain.to_vec(), gzip.finish().unwrap(), deflate.finish().unwrap()]);
    trial.run(|bytes| {
        for (content_type, encoding) in
            [("application/json", ""), ("application/x-ndjson", "gzip"), ("application/json", "deflate")]
        {
            let answer = runtime.block_on(doors.post(content_type, encoding, bytes.to_vec()));
            assert!(answer.status.as_u16() < 500, "{answer:?}");
            if answer.status == 200 {
                assert!(!answer.results().is_empty() || answer.json()["results"].is_array());
            }
        }
    });
}

#[test]
fn forwarded_address_of_any_header_is_an_address_or_the_peer() {
    let trial = Trial::of(test!(forwarded_address_of_any_header_is_an_address_or_the_peer));
    let examples =
        ["1.1.1.1, 203.0.113.9, 192.0.2.7", "[2001:DB8::1]:1234", "::ffff:192.0.2.7", "for=192.0.2.60;proto=http"];
    trial.examples(examples).words(&["unknown", ",", "_hidden", "%eth0"]).run(|bytes| {
        let mut headers = axum::http::HeaderMap::new();
        for line in bytes.split(|byte| *byte == b'\n') {
            let Ok(value) = HeaderValue::from_bytes(line) else { continue };
            headers.append("x-forwarded-for", value);
        }
        let peer = "198.51.100.1:4000".parse().unwrap();
        for trusted_hops in [0, 1, 2, 100, usize::MAX] {
            let address = client_address(Some(peer), &headers, trusted_hops).expect("there is a peer");
            assert_eq!(address, address.to_canonical());
            assert!(trusted_hops > 0 || address == peer.ip(), "{address} is what the client says");
        }
    });
}
