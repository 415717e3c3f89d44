//! Receipts, plans, and promotions, damaged: each is read or refused, and what is read is written as the same bytes.
//! (Records of promotions under checksums that fit: in the tests of their room.)

use std::{fs, path::Path};

use clicktrail_damage::{Trial, test};
use clicktrail_log::frame::Digest;

use crate::{gates::Permille, plan::document::Document, promotions::document, receipt::Receipt};

fn fixture(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)).unwrap()
}

#[test]
fn receipt_plan_or_promotion_of_any_bytes_is_read_or_refused() {
    let trial = Trial::of(test!(receipt_plan_or_promotion_of_any_bytes_is_read_or_refused));
    let names = ["receipt-1.json", "receipt-1-columns-2.json", "plan-1.json", "promotion-1.json"];
    trial.examples(names.map(fixture)).run(|bytes| {
        if let Ok(receipt) = Receipt::from_bytes(bytes) {
            assert_eq!(Receipt::from_bytes(&receipt.to_bytes()).unwrap(), receipt);
            let _ = receipt.file();
        }
        if let Ok(plan) = Document::from_bytes(bytes) {
            assert_eq!(plan.to_bytes(), bytes);
            let _ = plan.id();
        }
        if let Ok(record) = document::from_bytes(bytes) {
            assert_eq!(document::to_bytes(&record), bytes);
        }
    });
}

#[test]
fn limit_of_any_text_is_read_as_what_it_shows() {
    let trial = Trial::of(test!(limit_of_any_text_is_read_as_what_it_shows)).examples(["5%", "2.5%", "1000000%"]);
    trial.run(|bytes| {
        let text = &*String::from_utf8_lossy(bytes);
        if let Some(limit) = Permille::parse(text) {
            assert_eq!(Permille::parse(&limit.to_string()), Some(limit));
        }
        assert!(text.parse::<Digest>().is_err() || text.len() == 64);
    });
}
