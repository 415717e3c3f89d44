//! Stored bytes that every later version must read and write: files under `verdicts/fixtures/`.

use std::path::Path;

/// The bytes of a fixture, which must be `written`: what today's code writes. With `CLICKTRAIL_WRITE_FIXTURES=1` the
/// fixture is written anew first: for a new version of a format, never to make a test pass.
pub(crate) fn fixture(name: &str, written: &[u8]) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
    if std::env::var_os("CLICKTRAIL_WRITE_FIXTURES").is_some_and(|value| value == "1") {
        std::fs::write(&path, written).unwrap();
    }
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(bytes == written, "{name} is stored with other bytes than today's code writes");
    bytes
}
