//! Segments and kept sums of any bytes: each is added, or refused by name. Digests were compared before, so only a
//! forged file comes as far as this.

use std::{fs, path::Path};

use bytes::Bytes;
use clicktrail_damage::{Trial, test};
use clicktrail_log::time::Timestamp;

use super::{
    Everybody, Sign,
    segment::{self, Clip},
    stored,
};

fn segment() -> Vec<u8> {
    let folder = "fixtures/invoice-1/segments/counters/dt=2026-03-31/hr=22";
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    fs::read(fs::read_dir(folder).unwrap().next().unwrap().unwrap().path()).unwrap()
}

fn always(advertiser: Option<&str>) -> Clip {
    let (from, to) = (Timestamp::from_micros(i64::MIN), Timestamp::from_micros(i64::MAX));
    Clip { period: from..to, advertiser: advertiser.map(str::to_owned) }
}

#[test]
fn segment_or_sum_of_any_bytes_is_added_or_refused() {
    let mut sum = Everybody::default();
    segment::add(&mut sum, "s", segment().into(), &always(None), Sign::Plus).unwrap();
    assert!(sum.rows().count() > 0);
    let kept = stored::encode(&sum).unwrap().to_vec();
    let trial = Trial::of(test!(segment_or_sum_of_any_bytes_is_added_or_refused)).bytes_per_byte(1_000);
    trial.examples([segment(), kept]).run(|bytes| {
        let bytes = Bytes::copy_from_slice(bytes);
        for (clip, sign) in [(always(None), Sign::Plus), (always(Some("acme")), Sign::Minus)] {
            let mut total = Everybody::default();
            if let Err(error) = segment::add(&mut total, "segments/7", bytes.clone(), &clip, sign) {
                assert!(error.to_string().contains("segments/7"), "{error}");
            }
        }
        if let Err(error) = stored::decode(bytes) {
            assert!(!error.is_empty());
        }
    });
}
