//! Values to store.

use bytes::Bytes;
use clicktrail_catalog::{
    Ad, HotPartial, Outcome, Reconciliation, SealedHour, Segment,
    generations::{ControlTotals, Generation, GenerationId, GenerationState, LivePointer, NewUnit, UnitOutput},
};
use clicktrail_log::{
    frame::Digest,
    position::{Epoch, Position, Seq},
    time::{Hour, Timestamp},
};

/// The projection of the samples.
pub(crate) const COUNTERS: &str = "counters";

pub(crate) fn seq(value: u64) -> Seq {
    Seq::new(value).unwrap()
}

/// The hour so many after an arbitrary first one.
pub(crate) fn hour(after: i64) -> Hour {
    Hour::from_i64(490_000 + after)
}

pub(crate) fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000 + micros)
}

pub(crate) fn ad(id: &str, price_micros: i64) -> Ad {
    Ad {
        ad_id: id.to_owned(),
        advertiser_id: "acme".to_owned(),
        campaign_id: "spring".to_owned(),
        target_url: format!("https://example.com/{id}"),
        price_micros,
        currency: "EUR".to_owned(),
    }
}

/// The digest of a frame.
pub(crate) fn digest(frame: u64) -> Digest {
    Digest::of(&frame.to_le_bytes())
}

/// The counts of frames `first..=last`; the payload says which, and is no text.
pub(crate) fn partial(at_hour: Hour, first: u64, last: u64) -> HotPartial {
    let payload = Bytes::from(format!("{first}-{last}\0").into_bytes());
    HotPartial { hour: at_hour, first_seq: seq(first), last_seq: seq(last), last_frame: Some(digest(last)), payload }
}

/// A sealed hour; quiet if `last` is `first - 1`.
pub(crate) fn sealed(at_hour: Hour, first: u64, last: u64) -> SealedHour {
    SealedHour {
        hour: at_hour,
        first_seq: seq(first),
        last_seq: seq(last),
        epoch: 1,
        rows: (last + 1 - first) * 1000,
        parts: 1,
        bytes: 123_456,
        manifest_digest: format!("manifest {at_hour}"),
    }
}

pub(crate) fn segment(at_hour: Hour) -> Segment {
    Segment {
        projection: COUNTERS.to_owned(),
        hour: at_hour,
        key: format!("segments/{COUNTERS}/{at_hour}/1.parquet"),
        bytes: 4321,
        rows: 17,
        input_digest: "input".to_owned(),
        code_digest: "code".to_owned(),
        output_digest: "output".to_owned(),
        verdicts_before: 72_057_594_037_993_472,
    }
}

/// The answer of a comparison that found `hot` partials and no difference.
pub(crate) fn equal(at_hour: Hour, hot: usize) -> Reconciliation {
    Reconciliation {
        projection: COUNTERS.to_owned(),
        hour: at_hour,
        outcome: Outcome::Equal,
        sealed_rows: 17,
        hot_rows: hot.try_into().unwrap(),
        detail: String::new(),
        compared_at: at(5),
    }
}

/// A position in the verdict log.
pub(crate) fn verdict(frame: u64) -> Position {
    Position::new(Epoch::FIRST, seq(frame), 0)
}

/// A generation of the hours so many after the first, both inclusive, that knows the verdicts before frame 100.
pub(crate) fn generation(number: u8, from: i64, to_inclusive: i64) -> Generation {
    Generation {
        id: GenerationId::parse(&format!("{number:016x}")).unwrap(),
        projection: COUNTERS.to_owned(),
        code_digest: "code".to_owned(),
        sql: String::new(),
        from: hour(from),
        to_inclusive: hour(to_inclusive),
        clicks_before: None,
        verdicts_before: verdict(100),
        plan: format!("plan {number}"),
        state: GenerationState::Building,
        created_at: at(number.into()),
        created_by: "ann".to_owned(),
        changed_at: at(number.into()),
    }
}

/// A unit of the hour so many after the first, which had no live segment.
pub(crate) fn unit(after: i64) -> NewUnit {
    let manifest_digest = format!("manifest {}", hour(after));
    NewUnit { hour: hour(after), manifest_digest, rows: 1000, bytes: 123_456, base: None }
}

/// What a unit of an hour makes; another `variant` of other input.
pub(crate) fn output(after: i64, variant: u32) -> UnitOutput {
    let totals = ControlTotals { events: 1000, billable: 900, micros: 250_000 };
    UnitOutput {
        segment: Segment {
            key: format!("segments/{COUNTERS}/{}/v{variant}.parquet", hour(after)),
            input_digest: format!("input {after} {variant}"),
            output_digest: format!("output {after} {variant}"),
            ..segment(hour(after))
        },
        read: totals,
        written: totals,
        is_reused: false,
    }
}

/// A pointer at what a unit of an hour makes, as if it had been sealed; of variant 0 at what `segment` is.
pub(crate) fn pointer(after: i64, variant: u32) -> LivePointer {
    let of = if variant == 0 { segment(hour(after)) } else { output(after, variant).segment };
    LivePointer {
        hour: hour(after),
        input_digest: of.input_digest,
        code_digest: of.code_digest,
        output_digest: of.output_digest,
        generation: None,
        knows_before: None,
    }
}
