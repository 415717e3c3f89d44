//! For tests: issued documents, always the same and of any shape.

use proptest::prelude::*;

use super::{Artefact, DocumentKind, DocumentNumber, InvoiceEntry};
use crate::{frame::Digest, time::Timestamp};

/// 2026-04-01T08:00:00Z.
pub(crate) const ISSUED: i64 = 1_775_030_400_000_000;

pub(crate) fn numbered(series: &str, number: u32) -> DocumentNumber {
    DocumentNumber { series: series.to_owned(), number }
}

/// Invoice `number` of series INV.
pub(crate) fn invoice(number: u32) -> InvoiceEntry {
    let artefact = |format: &str| Artefact {
        format: format.to_owned(),
        key: format!("invoices/documents/INV/{number:08}/{format}"),
        digest: Digest::of(format!("{format} {number}").as_bytes()),
        bytes: 1_000 + u64::from(number),
    };
    InvoiceEntry {
        document: Digest::of(format!("INV {number}").as_bytes()),
        number: numbered("INV", number),
        kind: DocumentKind::Invoice,
        advertiser_id: format!("advertiser-{number}"),
        currency: "EUR".to_owned(),
        period: "2026-03".to_owned(),
        zone: "Europe/Berlin".to_owned(),
        // The zone's days: its clocks went forward in March.
        period_from: Timestamp::from_micros(ISSUED - (743 + 10) * 3_600_000_000),
        period_to: Timestamp::from_micros(ISSUED - 10 * 3_600_000_000),
        issued_on: "2026-04-01".to_owned(),
        issued_at: Timestamp::from_micros(ISSUED + i64::from(number)),
        total_minor: 12_345 + i128::from(number),
        minor_digits: 2,
        original: None,
        basis: Digest::of(b"basis"),
        artefacts: vec![artefact("json"), artefact("pdf")],
        actor: "ann".to_owned(),
    }
}

/// Credit note `number` of series CN, for an invoice.
pub(crate) fn credit_note(number: u32, original: u32) -> InvoiceEntry {
    InvoiceEntry {
        document: Digest::of(format!("CN {number}").as_bytes()),
        number: numbered("CN", number),
        kind: DocumentKind::CreditNote,
        total_minor: -45,
        original: Some(numbered("INV", original)),
        ..invoice(number)
    }
}

/// One entry of every shape.
pub(crate) fn every_shape() -> Vec<InvoiceEntry> {
    let odd = InvoiceEntry {
        number: numbered("Ré„7“/\\", u32::MAX),
        kind: DocumentKind::DebitNote,
        advertiser_id: "廣告\u{202e}\"'\n".to_owned(),
        currency: "JPY".to_owned(),
        total_minor: 99_999_999_999_999_999_999_999_999_999_999_999_999,
        minor_digits: 0,
        original: Some(numbered("INV", 1)),
        ..invoice(3)
    };
    let least = InvoiceEntry {
        total_minor: -99_999_999_999_999_999_999_999_999_999_999_999_999,
        minor_digits: 4,
        ..invoice(9)
    };
    vec![invoice(2), credit_note(1, 2), odd, least, invoice(1)]
}

prop_compose! {
    /// Any entry that may be written.
    pub(crate) fn any_entry()(
        (document, basis) in any::<([u8; 32], [u8; 32])>(),
        series in "\\PC{1,8}",
        number in 1..=u32::MAX,
        kind in prop::sample::select(DocumentKind::ALL.to_vec()),
        texts in prop::array::uniform4("(?s).{1,16}"),
        currency in "[A-Z]{3}",
        (from, length) in (-1_000_000_000_000_000_i64..4_000_000_000_000_000, 1..40_000_000_000_i64),
        total_minor in -(10_i128.pow(38) - 1)..10_i128.pow(38),
        minor_digits in 0..=4_u8,
        files in prop::collection::vec(("(?s).{1,9}", any::<[u8; 32]>(), any::<u64>()), 1..5),
    ) -> InvoiceEntry {
        let [advertiser_id, period, zone, actor] = texts;
        let artefacts = files.into_iter().enumerate().map(|(place, (key, digest, bytes))| Artefact {
            format: format!("{place}"),
            key,
            digest: Digest(digest),
            bytes,
        });
        InvoiceEntry {
            document: Digest(document),
            number: numbered(&series, number),
            kind,
            advertiser_id,
            currency,
            period,
            zone,
            period_from: Timestamp::from_micros(from),
            period_to: Timestamp::from_micros(from + length),
            issued_on: "2024-02-29".to_owned(),
            issued_at: Timestamp::from_micros(from + length + 1),
            total_minor,
            minor_digits,
            original: kind.is_note().then(|| numbered("INV", number)),
            basis: Digest(basis),
            artefacts: artefacts.collect(),
            actor,
        }
    }
}
