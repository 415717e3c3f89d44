//! Units and promotions against a plain model: whatever is done in whatever order, the catalog stands where it does.

use clicktrail_log::{
    position::{Epoch, Position, Seq},
    time::{Hour, Timestamp},
};
use proptest::prelude::*;

use super::*;
use crate::{Catalog, Error, Outcome, Reconciliation, SealedHour, Segment, Sqlite};

/// Sealed hours. The first generation is of the first two, the second of the last two.
const HOURS: i64 = 3;
const ATTEMPTS_MAX: u32 = 2;
const LEASE: i64 = 3;

#[derive(Debug, Clone)]
enum Step {
    Pass,
    Claim(usize),
    Extend(usize, i64, u32),
    Finish(usize, i64, u8),
    Fail(usize, i64, u32),
    Release(usize, Rerun),
    Abort(usize),
    Promote(usize),
    RollBack(usize),
}

#[derive(Debug, Clone, Copy)]
struct ModelUnit {
    state: UnitState,
    attempt: u32,
    attempts_before: u32,
    until: i64,
    made: Option<u8>,
}

/// What the contract says, with nothing but vectors.
#[derive(Debug)]
struct Model {
    now: i64,
    states: [GenerationState; 2],
    units: [[ModelUnit; 2]; 2],
    /// Which generation each hour counts from, and which variant; `None`: it was sealed.
    live: [Option<(usize, u8)>; 3],
}

impl Model {
    fn new() -> Self {
        let waiting = ModelUnit { state: UnitState::Waiting, attempt: 0, attempts_before: 0, until: 0, made: None };
        Self { now: 0, states: [GenerationState::Building; 2], units: [[waiting; 2]; 2], live: [None; 3] }
    }

    fn count(&self, of: usize, state: UnitState) -> usize {
        self.units[of].iter().filter(|unit| unit.state == state).count()
    }

    /// The index of a unit; `None` if the generation has none of the hour.
    fn index(of: usize, hour: i64) -> Option<usize> {
        usize::try_from(hour).ok()?.checked_sub(of).filter(|index| *index < 2)
    }

    /// The largest that may be taken: the earlier hour has more events.
    fn claim(&mut self, of: usize) -> Option<(i64, u32)> {
        if self.states[of] != GenerationState::Building {
            return None;
        }
        let now = self.now;
        let may = |unit: &ModelUnit| {
            unit.state == UnitState::Waiting || (unit.state == UnitState::Leased && unit.until < now)
        };
        let index = self.units[of].iter().position(may)?;
        let unit = &mut self.units[of][index];
        (unit.state, unit.attempt, unit.until) = (UnitState::Leased, unit.attempt + 1, now + LEASE);
        Some((signed(index + of), unit.attempt))
    }

    fn extend(&mut self, of: usize, hour: i64, attempt: u32) -> bool {
        let (is_building, now) = (self.states[of] == GenerationState::Building, self.now);
        let Some(unit) = Self::index(of, hour).map(|index| &mut self.units[of][index]) else { return false };
        let holds = is_building && unit.state == UnitState::Leased && unit.attempt == attempt;
        if holds {
            unit.until = now + LEASE;
        }
        holds
    }

    fn finish(&mut self, of: usize, hour: i64, variant: u8) -> Option<Stored> {
        let index = Self::index(of, hour).filter(|_| self.states[of] != GenerationState::Aborted)?;
        let unit = &mut self.units[of][index];
        if unit.made.is_some_and(|made| made != variant) {
            return None;
        }
        if unit.state == UnitState::Done {
            return Some(Stored::Same);
        }
        (unit.state, unit.made) = (UnitState::Done, Some(variant));
        let (done, failed) = (self.count(of, UnitState::Done), self.count(of, UnitState::Failed));
        if matches!(self.states[of], GenerationState::Building | GenerationState::Failed) {
            self.states[of] = match (done, failed) {
                (2, _) => GenerationState::Built,
                (1, 1) => GenerationState::Failed,
                _ => GenerationState::Building,
            };
        }
        Some(Stored::New)
    }

    fn fail(&mut self, of: usize, hour: i64, attempt: u32) {
        let Some(unit) = Self::index(of, hour).map(|index| &mut self.units[of][index]) else { return };
        if unit.state != UnitState::Leased || unit.attempt != attempt {
            return;
        }
        let is_last = unit.attempt - unit.attempts_before >= ATTEMPTS_MAX;
        unit.state = if is_last { UnitState::Failed } else { UnitState::Waiting };
        if is_last && self.states[of] == GenerationState::Building {
            self.states[of] = GenerationState::Failed;
        }
    }

    fn release(&mut self, of: usize, rerun: Rerun) -> Option<u64> {
        if matches!(self.states[of], GenerationState::Promoted | GenerationState::Aborted) {
            return None;
        }
        let mut released = 0;
        for unit in &mut self.units[of] {
            let goes = match unit.state {
                UnitState::Waiting => false,
                UnitState::Leased => unit.until < self.now,
                UnitState::Failed => rerun != Rerun::Missing,
                UnitState::Done => rerun == Rerun::All,
            };
            if goes {
                (unit.state, unit.attempts_before) = (UnitState::Waiting, unit.attempt);
                released += 1;
            }
        }
        if self.count(of, UnitState::Waiting) + self.count(of, UnitState::Leased) > 0 {
            self.states[of] = GenerationState::Building;
        }
        Some(released)
    }

    /// Both were planned on what was sealed, so each can be promoted only if its hours count from that.
    fn promote(&mut self, of: usize) -> bool {
        let hours = of..of + 2;
        let may = self.states[of] == GenerationState::Built && self.live[hours.clone()].iter().all(Option::is_none);
        if may {
            for hour in hours {
                self.live[hour] = self.units[of][hour - of].made.map(|made| (of, made));
            }
            self.states[of] = GenerationState::Promoted;
        }
        may
    }

    fn roll_back(&mut self, of: usize) -> bool {
        let may = self.states[of] == GenerationState::Promoted;
        if may {
            self.live[of..of + 2].fill(None);
            self.states[of] = GenerationState::Built;
        }
        may
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (of, hour, attempt) = (0..2_usize, 0..HOURS, 1..6_u32);
    let unit = (of.clone(), hour, attempt);
    let rerun = prop_oneof![Just(Rerun::Missing), Just(Rerun::Failed), Just(Rerun::All)];
    let step = prop_oneof![
        3 => Just(Step::Pass),
        6 => of.clone().prop_map(Step::Claim),
        2 => unit.clone().prop_map(|(of, hour, attempt)| Step::Extend(of, hour, attempt)),
        8 => (unit.clone(), 0..8_u8)
            .prop_map(|((of, hour, _), variant)| Step::Finish(of, hour, u8::from(variant == 7))),
        4 => unit.prop_map(|(of, hour, attempt)| Step::Fail(of, hour, attempt)),
        2 => (of.clone(), rerun).prop_map(|(of, rerun)| Step::Release(of, rerun)),
        1 => prop_oneof![9 => Just(None), 1 => of.clone().prop_map(Some)]
            .prop_map(|of| of.map_or(Step::Pass, Step::Abort)),
        5 => of.clone().prop_map(Step::Promote),
        3 => of.prop_map(Step::RollBack),
    ];
    proptest::collection::vec(step, 1..60)
}

fn signed(index: usize) -> i64 {
    i64::try_from(index).unwrap()
}

fn at(time: i64) -> Timestamp {
    Timestamp::from_micros(time)
}

fn id(of: usize) -> GenerationId {
    GenerationId::parse(&format!("{of:016x}")).unwrap()
}

fn segment(hour: i64, input: &str) -> Segment {
    Segment {
        projection: "counters".to_owned(),
        hour: Hour::from_i64(hour),
        key: format!("key {hour} {input}"),
        bytes: 1,
        rows: 1,
        input_digest: input.to_owned(),
        code_digest: "code".to_owned(),
        output_digest: format!("output {hour} {input}"),
        verdicts_before: 0,
    }
}

fn output(of: usize, hour: i64, variant: u8) -> UnitOutput {
    let totals = ControlTotals::default();
    let segment = segment(hour, &format!("{of} {variant}"));
    UnitOutput { segment, read: totals, written: totals, is_reused: false }
}

async fn prepare(catalog: &Sqlite) {
    for hour in 0..HOURS {
        let frame = Seq::new(hour.unsigned_abs() + 1).unwrap();
        let sealed = SealedHour {
            hour: Hour::from_i64(hour),
            first_seq: frame,
            last_seq: frame,
            epoch: 1,
            rows: 1,
            parts: 1,
            bytes: 1,
            manifest_digest: "manifest".to_owned(),
        };
        let compared = Reconciliation {
            projection: "counters".to_owned(),
            hour: Hour::from_i64(hour),
            outcome: Outcome::Incomplete,
            sealed_rows: 1,
            hot_rows: 0,
            detail: String::new(),
            compared_at: at(0),
        };
        catalog.seal(&sealed, &segment(hour, "sealed"), &|_| compared.clone()).await.unwrap();
    }
    let pointers = catalog.live_pointers("counters", Hour::from_i64(0), Hour::from_i64(HOURS)).await.unwrap();
    for of in 0..2 {
        let first = signed(of);
        let generation = Generation {
            id: id(of),
            projection: "counters".to_owned(),
            code_digest: "code".to_owned(),
            sql: String::new(),
            from: Hour::from_i64(first),
            to_inclusive: Hour::from_i64(first + 1),
            clicks_before: None,
            verdicts_before: Position::new(Epoch::FIRST, Seq::FIRST, 0),
            plan: format!("plan {of}"),
            state: GenerationState::Building,
            created_at: at(0),
            created_by: String::new(),
            changed_at: at(0),
        };
        let unit = |hour: i64| NewUnit {
            hour: Hour::from_i64(hour),
            manifest_digest: "manifest".to_owned(),
            rows: (HOURS - hour).unsigned_abs(),
            bytes: 1,
            base: pointers.iter().find(|live| live.hour.as_i64() == hour).cloned(),
        };
        catalog.put_generation(&generation, &[unit(first), unit(first + 1)]).await.unwrap();
    }
}

/// A conflict is `None`; anything else that goes wrong ends the test.
fn done<T>(result: Result<T, Error>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(Error::Conflict(_)) => None,
        Err(error) => panic!("{error:?}"),
    }
}

async fn take(catalog: &Sqlite, model: &mut Model, step: &Step) {
    let now = at(model.now);
    match *step {
        Step::Pass => model.now += 1,
        Step::Claim(of) => {
            let claimed = catalog.claim_unit(&id(of), "worker", now, at(model.now + LEASE)).await.unwrap();
            let claimed = claimed.map(|unit| (unit.hour.as_i64(), unit.attempt));
            assert_eq!(claimed, model.claim(of));
        }
        Step::Extend(of, hour, attempt) => {
            let until = at(model.now + LEASE);
            let extended = catalog.extend_lease(&id(of), Hour::from_i64(hour), attempt, until).await.unwrap();
            assert_eq!(extended, model.extend(of, hour, attempt));
        }
        Step::Finish(of, hour, variant) => {
            let made = output(of, hour, variant);
            let stored = done(catalog.finish_unit(&id(of), Hour::from_i64(hour), &made, now).await);
            assert_eq!(stored, model.finish(of, hour, variant));
        }
        Step::Fail(of, hour, attempt) => {
            let hour_of = Hour::from_i64(hour);
            catalog.fail_unit(&id(of), hour_of, attempt, "why", ATTEMPTS_MAX, now).await.unwrap();
            model.fail(of, hour, attempt);
        }
        Step::Release(of, rerun) => {
            assert_eq!(done(catalog.release_units(&id(of), rerun, now).await), model.release(of, rerun));
        }
        Step::Abort(of) => {
            let may = model.states[of] != GenerationState::Promoted;
            assert_eq!(done(catalog.abort_generation(&id(of), "ann", "", now).await).is_some(), may);
            if may {
                model.states[of] = GenerationState::Aborted;
            }
        }
        Step::Promote(of) => {
            assert_eq!(done(catalog.promote(&id(of), "ann", "", now).await).is_some(), model.promote(of));
        }
        Step::RollBack(of) => {
            assert_eq!(done(catalog.roll_back(&id(of), "ann", "", now).await).is_some(), model.roll_back(of));
        }
    }
}

async fn check(catalog: &Sqlite, model: &Model) {
    for of in 0..2 {
        assert_eq!(catalog.generation(&id(of)).await.unwrap().unwrap().state, model.states[of]);
        let units = catalog.units(&id(of), Hour::from_i64(0), 9).await.unwrap();
        for (unit, expected) in units.iter().zip(&model.units[of]) {
            let made = expected.made.filter(|_| expected.state == UnitState::Done);
            let output = made.map(|made| output(of, unit.hour.as_i64(), made));
            assert_eq!((unit.state, unit.attempt, &unit.output), (expected.state, expected.attempt, &output));
        }
    }
    let live = catalog.live_pointers("counters", Hour::from_i64(0), Hour::from_i64(HOURS)).await.unwrap();
    let live: Vec<_> = live.into_iter().map(|live| (live.generation, live.input_digest)).collect();
    let expected = model.live.iter().map(|live| match live {
        None => (None, "sealed".to_owned()),
        Some((of, made)) => (Some(id(*of)), format!("{of} {made}")),
    });
    assert_eq!(live, expected.collect::<Vec<_>>());
}

proptest! {
    // Each case makes a catalog in a file of its own.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn units_and_promotions_stand_where_a_plain_model_does(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let directory = tempfile::tempdir().unwrap();
            let catalog = Sqlite::open(&directory.path().join("catalog.sqlite")).await.unwrap();
            prepare(&catalog).await;
            let mut model = Model::new();
            for step in &steps {
                take(&catalog, &mut model, step).await;
                check(&catalog, &model).await;
            }
        });
    }
}
