use clicktrail_catalog::generations::GenerationId;

use super::*;
use crate::testing::{Bed, click, hour, time};

fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

fn segment(at: &str, rows: u64, generation: Option<&str>) -> Read {
    Read {
        hour: hour(at),
        input_digest: digest(at),
        code_digest: digest("code"),
        output_digest: digest(&format!("{at} {rows}")),
        bytes: 1,
        rows,
        generation: generation.map(|id| GenerationId::parse(id).unwrap()),
        knows_before: None,
        verdicts_before: None,
    }
}

/// An hour that counted nothing when an earlier basis was made, and does since it was counted again.
#[test]
fn hour_that_counted_nothing_then_is_looked_at_again_once_it_was_counted_again() {
    let period = time("2026-03-01T00:00:00Z")..time("2026-03-02T00:00:00Z");
    let read = [segment("2026-03-01T00", 3, None), segment("2026-03-05T00", 1, None)];
    let known = Basis::of_segments(period.clone(), read.to_vec());
    let check = |read: &Read, expected: Option<bool>| assert_eq!(said(&known, read, &period), expected, "{read:?}");
    let again = Some("0123456789abcdef");
    check(&read[0], Some(true));
    check(&segment("2026-03-01T00", 9, again), Some(true));
    check(&segment("2026-03-01T05", 2, None), None);
    check(&segment("2026-03-01T05", 2, again), None);
    // Behind the period, nothing that was sealed counts otherwise than it did.
    check(&segment("2026-03-03T00", 2, None), Some(false));
    check(&segment("2026-03-03T00", 2, again), None);
    check(&segment("2026-03-06T00", 2, None), None);
}

/// A basis is the same whether an earlier one is known or not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn known_basis_changes_nothing_but_the_work() {
    let mut bed = Bed::new(hour("2026-03-01T00")).await;
    bed.hour("2026-03-01T00", &[click("2026-03-01T00:10:00Z")]).await;
    bed.hour("2026-03-02T03", &[click("2026-03-01T23:10:00Z"), click("2026-03-02T03:10:00Z")]).await;
    let period = time("2026-03-01T00:00:00Z")..time("2026-03-02T00:00:00Z");
    let first = bed.checking().patience.first_hour(period.start);
    let found = async |bed: &Bed, known: Option<&Basis>| {
        let checked = bed.checking().check(&period, time("2027-01-01T00:00:00Z")).await.unwrap();
        find(&bed.archive, &checked.snapshot, period.clone(), first, known).await.unwrap()
    };
    let known = found(&bed, None).await;
    assert_eq!(known.segments().len(), 2);
    bed.hour("2026-03-02T05", &[click("2026-03-01T22:10:00Z")]).await;
    assert_eq!(found(&bed, Some(&known)).await, found(&bed, None).await);
}
