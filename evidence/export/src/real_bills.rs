//! The verifier's arithmetic held against the room that bills: documents about random logs are written by that room,
//! and every bundle of them verifies, with their total.

#![allow(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]

use std::collections::BTreeMap;

use clicktrail_billing::compose;
use clicktrail_evidence::{
    made_up::{
        Dossier, LeftOut, OwnBiller, Plan, Wanted,
        ledger::{Biller, Facts, Tally},
        rows::Shape,
    },
    verify::{Report, Trust, verify},
};
use clicktrail_invoices::{
    Bill, Counts, Document, Draft, HourMoved, Kind, Original, Period, Pins, Reason, Rounding, Terms, Usage, bill,
    money::show, period::local_date,
};
use clicktrail_log::{
    frame::Digest,
    time::{Hour, Timestamp},
};
use proptest::prelude::*;

/// Writes documents as the program does.
#[derive(Debug)]
struct Billing;

fn counts(tally: &Tally) -> Counts {
    let Tally { gross, givt, sivt, duplicate, policy, billable, spend_micros } = *tally;
    Counts { gross, givt, sivt, duplicate, policy, billable, spend_micros }
}

fn documents(texts: &[Vec<u8>]) -> Vec<Document> {
    texts.iter().map(|text| Document::from_canonical(text).unwrap()).collect()
}

/// The bill of a document, and the invoice that it corrects.
fn bill_of(facts: &Facts, terms: &Terms) -> (Bill, Option<Document>) {
    let campaigns: BTreeMap<String, Counts> =
        facts.usage.iter().map(|(campaign, tally)| (campaign.clone(), counts(tally))).collect();
    let whole = bill(&Usage { campaigns }, terms, terms.currency).unwrap();
    let issued = documents(&facts.issued);
    let Some(last) = issued.last() else { return (whole, None) };
    let correct = if facts.is_cancellation { compose::nothing(&last.draft.bill).unwrap() } else { whole };
    let note = compose::note(&correct, &issued.iter().collect::<Vec<_>>()).unwrap();
    (note, issued.into_iter().next())
}

impl Biller for Billing {
    fn document(&self, facts: &Facts) -> Vec<u8> {
        let terms = Terms::from_canonical(&format!("{}\n", facts.terms)).unwrap();
        let (bill, original) = bill_of(facts, &terms);
        let issued_on = local_date("UTC", Timestamp::parse_rfc3339("2026-04-01T12:00:00Z").unwrap()).unwrap();
        let original = original.map(|invoice| Original {
            series: invoice.series.clone(),
            number: invoice.number,
            period: invoice.draft.pins.period.name,
            issued_on: invoice.issued_on,
            reason: if facts.is_cancellation { Reason::Cancelled } else { Reason::Sivt },
        });
        let moved = facts.moved.iter();
        let period = Period {
            name: "2026-03".parse().unwrap(),
            zone: "UTC".to_owned(),
            from: Timestamp::from_micros(facts.period.0.0),
            to: Timestamp::from_micros(facts.period.1.0),
            tzdb: "2025b".to_owned(),
        };
        let pins = Pins {
            period,
            basis: Digest(facts.basis.0),
            terms_version: 1,
            terms: terms.digest(),
            seller: Digest::of(b"seller"),
            rounding: Rounding::HalfAwayFromZeroPerLine,
            template: None,
            renderer: None,
        };
        let draft = Draft {
            kind: if original.is_none() { Kind::Invoice } else { Kind::of_note(&bill) },
            advertiser_id: terms.advertiser_id.clone(),
            seller: terms.customer.clone(),
            terms,
            pins,
            bill,
            original,
            hours: moved
                .map(|(hour, tally)| HourMoved { hour: Hour::from_i64(hour.0), counts: counts(tally) })
                .collect(),
        };
        let document = draft.issued(facts.number, issued_on).unwrap();
        // The verifier's own arithmetic writes the same bill, which the room that bills reads back as its own.
        let own = Document::from_canonical(&OwnBiller.document(facts)).unwrap();
        assert_eq!((&own.draft.bill, own.draft.kind), (&document.draft.bill, document.draft.kind), "{facts:?}");
        assert_eq!(own.draft.hours, document.draft.hours);
        document.canonical()
    }
}

fn plans() -> impl Strategy<Value = Plan> {
    let shape = (1..5_u64, 1..5_u64, 0..700_u64, 0..400_u64);
    let shape = shape.prop_map(|(advertisers, campaigns, first_permille, other_kinds_permille)| Shape {
        advertisers,
        campaigns,
        first_permille,
        other_kinds_permille,
    });
    (any::<u64>(), 10..20_usize, 1..6_u64, 1..12_u64, shape, 0..600_u64).prop_map(
        |(seed, hours, frames, rows, shape, ruled_permille)| Plan { seed, hours, frames, rows, shape, ruled_permille },
    )
}

fn checked(dossier: &Dossier, wanted: &Wanted) -> Report {
    let trust = Trust {
        keys: vec![dossier.key.verifier().clone()],
        witnesses: vec![dossier.witness.verifier().clone()],
        documents: Vec::new(),
    };
    verify(&dossier.evidence_of(wanted, &LeftOut::default()).zip(), &trust)
}

proptest! {
    #[test]
    fn every_honest_bundle_of_billed_documents_verifies_with_their_total(plan in plans()) {
        // Terms with a minimum of nothing are refused before anything is billed by them.
        let is_nothing = |document: &Vec<u8>| String::from_utf8_lossy(document).contains("\",\"amount\":\"0.00\"}");
        prop_assume!(!Dossier::new(&plan, &OwnBiller).documents.iter().any(is_nothing));
        let dossier = Dossier::new(&plan, &Billing);
        let report = checked(&dossier, &Wanted::default());
        prop_assert!(report.verified, "{}", report);
        let issued = documents(&dossier.documents);
        let (invoice, notes) = issued.split_first().unwrap();
        let notes: Vec<Bill> = notes.iter().map(|note| note.draft.bill.clone()).collect();
        let sum = invoice.draft.bill.with(&notes).unwrap();
        prop_assert_eq!(report.numbers.total, Some(format!("{} EUR", show(sum.currency, sum.total))));
        // With people, and of one campaign: the same documents.
        let with_people = Wanted { case: Some("A-17".to_owned()), ..Wanted::default() };
        let campaign = Wanted { campaigns: Some(vec!["campaign-0".to_owned()]), ..Wanted::default() };
        for wanted in [with_people, campaign] {
            let report = checked(&dossier, &wanted);
            prop_assert!(report.verified, "{:?}: {}", wanted, report);
        }
    }
}
