//! What a witness signs (C2SP `tlog-cosignature`, version 1 over Ed25519): the text of a checkpoint under the time at
//! which it was the largest that the witness had seen. The signature is that time, then what the key made.

/// Bytes of a cosignature behind the key's id: the time, and an Ed25519 signature.
pub(super) const BYTES: usize = 8 + 64;
/// The latest time that the format has room for.
pub(super) const TIME_MAX: u64 = i64::MAX.unsigned_abs();

/// The message that is signed; `time` is in seconds since 1970.
pub(super) fn message(time: u64, text: &str) -> Vec<u8> {
    format!("cosignature/v1\ntime {time}\n{text}").into_bytes()
}

/// Time and Ed25519 signature of a cosignature.
pub(super) fn split(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (time, signature) = bytes.split_first_chunk::<8>()?;
    let time = u64::from_be_bytes(*time);
    (bytes.len() == BYTES && time <= TIME_MAX).then_some((time, signature))
}

/// The other way round.
pub(super) fn join(time: u64, signature: &[u8]) -> Vec<u8> {
    [time.to_be_bytes().as_slice(), signature].concat()
}
