//! A log in memory that keeps the contract of [`Log`] and, like a broker, knows a frame again only for a while. A role
//! reaches it [`Through`] its gate.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use clicktrail_log::{
    frame::Frame,
    log::{Appended, Condition, Durability, Error, Info, Log, Logged, ReadLimit},
    position::{Epoch, Seq},
    time::Clock,
};
use tokio::time::Instant;

use super::{
    gate::{Gate, Outcome},
    place::Place,
    planted::{self, Planted},
};

/// How long a broker knows a frame again, by its own clock.
const KNOWN_MICROS: i64 = 15 * 60 * 1_000_000;
/// How often a reader at the tail looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// What a broker stores.
#[derive(Debug)]
pub(super) struct Broker {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// Whether it knows every frame again, as a file does.
    forgets: bool,
    planted: Option<Planted>,
    /// Frames that readers were given.
    given: AtomicUsize,
}

#[derive(Debug, Clone)]
struct State {
    /// Every frame that was ever appended, those that were trimmed too.
    frames: Vec<Logged>,
    first: Seq,
}

impl Broker {
    pub(super) fn new(clock: Arc<dyn Clock>, forgets: bool, planted: Option<Planted>) -> Self {
        let state = Mutex::new(State { frames: Vec::new(), first: Seq::FIRST });
        Self { clock, state, forgets, planted, given: AtomicUsize::new(0) }
    }

    /// What a copy of its directory holds.
    pub(super) fn copy(&self) -> Self {
        let state = Mutex::new(self.state.lock().unwrap().clone());
        let (clock, given) = (Arc::clone(&self.clock), AtomicUsize::new(0));
        Self { clock, state, forgets: self.forgets, planted: self.planted, given }
    }

    /// How many frames readers were given, each as often as they were.
    pub(super) fn given(&self) -> usize {
        self.given.load(Ordering::SeqCst)
    }

    /// A planted bug: the last frame is gone.
    pub(super) fn forget_last(&self) {
        let mut state = self.state.lock().unwrap();
        if state.frames.last().is_some_and(|last| last.seq >= state.first) {
            state.frames.pop();
        }
    }

    /// Every frame from `from` on, trimmed or not.
    pub(super) fn frames(&self, from: usize) -> Vec<Logged> {
        self.state.lock().unwrap().frames[from..].to_vec()
    }

    /// The frames that were not trimmed.
    pub(super) fn held(&self) -> Vec<Logged> {
        let state = self.state.lock().unwrap();
        state.frames.iter().filter(|logged| logged.seq >= state.first).cloned().collect()
    }

    pub(super) fn last(&self) -> Seq {
        self.info().last
    }

    fn info(&self) -> Info {
        let state = self.state.lock().unwrap();
        let last = Seq::from_i64(i64::try_from(state.frames.len()).unwrap()).unwrap();
        Info { epoch: Epoch::FIRST, first: state.first, last, bytes: 0 }
    }

    pub(super) fn append(&self, frame: &Frame, condition: Option<Condition>) -> Result<Appended, Error> {
        let last = self.last();
        let (now, header) = (self.clock.now(), &frame.header);
        let mut state = self.state.lock().unwrap();
        let is_of_number = |logged: &&Logged| {
            let other = &logged.frame.header;
            (other.writer, other.writer_epoch, other.number) == (header.writer, header.writer_epoch, header.number)
        };
        let is_same = |logged: &&Logged| {
            let is_known = !self.forgets || logged.logged_at >= now.plus_micros(-KNOWN_MICROS);
            let by_number = self.planted == Some(Planted::RepeatByNumberAlone);
            is_known && (by_number || logged.frame.header.digest() == header.digest())
        };
        if let Some(known) = state.frames.iter().rev().filter(is_of_number).find(is_same) {
            return Ok(Appended { seq: known.seq, duplicate: true });
        }
        match condition {
            Some(Condition::Behind(expected)) if expected != last => return Err(Error::Moved(expected)),
            Some(Condition::NumberUnused) if state.frames.iter().any(|logged| is_of_number(&logged)) => {
                return Err(Error::Conflict(header.message_id()));
            }
            Some(Condition::Behind(_) | Condition::NumberUnused) | None => {}
        }
        let seq = last.next();
        state.frames.push(Logged::new(seq, now, frame.clone()));
        Ok(Appended { seq, duplicate: false })
    }

    /// Appends a frame once more, as a broker that was told twice and knows nothing again.
    fn repeat(&self, frame: &Frame) {
        let seq = self.last().next();
        self.state.lock().unwrap().frames.push(Logged::new(seq, self.clock.now(), frame.clone()));
    }

    fn read(&self, from: Seq, limit: ReadLimit) -> Result<Vec<Logged>, Error> {
        let info = self.info();
        if from < info.first && from <= info.last {
            return Err(Error::Trimmed { from, first: info.first });
        }
        if from > info.last.next() {
            return Err(Error::Gap { expected: info.last.next(), found: None, last: info.last });
        }
        let (state, mut bytes) = (self.state.lock().unwrap(), 0);
        let begin = usize::try_from(from.get().saturating_sub(1)).unwrap();
        let fits = |logged: &&Logged| {
            let fits = bytes == 0 || bytes < limit.bytes;
            bytes += logged.frame.payload.len();
            fits
        };
        Ok(state.frames[begin..].iter().take(limit.frames.max(1)).take_while(fits).cloned().collect())
    }

    fn trim(&self, first_kept: Seq) -> Result<(), Error> {
        let last = self.last();
        if first_kept > last.next() {
            return Err(Error::Gap { expected: first_kept.previous(), found: None, last });
        }
        let mut state = self.state.lock().unwrap();
        state.first = state.first.max(first_kept);
        Ok(())
    }
}

/// A broker as a role reaches it.
#[derive(Debug, Clone)]
pub(super) struct Through {
    pub(super) broker: Arc<Broker>,
    pub(super) gate: Arc<Gate>,
    pub(super) place: Place,
    pub(super) planted: Option<Planted>,
}

impl Through {
    async fn pass<T>(&self, what: &str, effect: impl FnOnce() -> Result<T, Error> + Send) -> Result<T, Error> {
        match self.gate.pass(self.place, what, effect).await {
            Outcome::Done(result) => result,
            Outcome::Refused | Outcome::Unknown => Err(Error::Unavailable("it is away".into())),
        }
    }

    async fn append_on(&self, frame: &Frame, condition: Option<Condition>) -> Result<Appended, Error> {
        let name = format!("append {}", short(frame));
        if self.loses_verdicts() && self.gate.chance(100) {
            return Ok(Appended { seq: self.broker.last().next(), duplicate: false });
        }
        let condition = condition.filter(|_| self.planted != Some(Planted::VerdictTwice));
        let toxics = self.gate.toxics();
        if self.gate.chance(toxics.full) {
            self.gate.note(&format!("{name}: full"));
            return Err(Error::Full("no room".into()));
        }
        if self.place != Place::Disk && self.gate.chance(toxics.late) {
            // It is on its way, whatever becomes of its sender.
            let (late, frame) = (self.clone(), frame.clone());
            let millis = self.gate.between(100, 9_000);
            self.gate.note(&format!("{name}: arrives in {millis} ms"));
            tokio::spawn(async move {
                late.gate.pause(millis).await;
                let appended = late.broker.append(&frame, condition);
                late.gate.note(&format!("{name}: late {appended:?}"));
            });
            self.gate.pause(self.gate.between(3_000, 9_000)).await;
            return Err(Error::UnknownOutcome("no answer".into()));
        }
        let is_repeated = self.place != Place::Disk && self.gate.chance(toxics.repeated);
        let effect = || {
            let appended = self.broker.append(frame, condition);
            if is_repeated && matches!(appended, Ok(Appended { duplicate: false, .. })) {
                self.broker.repeat(frame);
            }
            self.gate.note(&format!("{name}: {appended:?}"));
            appended
        };
        match self.gate.pass(self.place, &name, effect).await {
            Outcome::Done(result) => result,
            Outcome::Refused => Err(Error::Unavailable("it is away".into())),
            Outcome::Unknown if self.planted == Some(Planted::AnsweredTooSoon) => {
                Ok(Appended { seq: self.broker.last().next(), duplicate: false })
            }
            Outcome::Unknown => Err(Error::UnknownOutcome("no answer".into())),
        }
    }

    fn loses_verdicts(&self) -> bool {
        self.place == Place::Verdicts && self.planted == Some(Planted::VerdictLost)
    }

    /// What a planted bug makes of what is read.
    fn spoil(&self, mut frames: Vec<Logged>) -> Vec<Logged> {
        match self.planted {
            Some(Planted::SealedBeforeTail) if self.place == Place::Clicks && self.gate.chance(500) => {
                frames.pop();
            }
            Some(Planted::StrangersId) if self.place == Place::Clicks => {
                frames.iter_mut().for_each(|logged| planted::disown(&mut logged.frame));
            }
            Some(_) | None => {}
        }
        frames
    }
}

/// A frame as the journal names it.
fn short(frame: &Frame) -> String {
    let header = &frame.header;
    format!("{}…/{}", &header.writer.simple().to_string()[16..], header.number)
}

#[async_trait]
impl Log for Through {
    async fn append(&self, frame: &Frame) -> Result<Appended, Error> {
        self.append_on(frame, None).await
    }

    async fn append_if(&self, frame: &Frame, condition: Condition) -> Result<Appended, Error> {
        self.append_on(frame, Some(condition)).await
    }

    async fn read(&self, from: Seq, limit: ReadLimit) -> Result<Vec<Logged>, Error> {
        let deadline = Instant::now() + limit.wait;
        while from == self.broker.last().next() && Instant::now() < deadline {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        let frames = self.pass("read", || self.broker.read(from, limit)).await?;
        self.broker.given.fetch_add(frames.len(), Ordering::SeqCst);
        Ok(self.spoil(frames))
    }

    async fn info(&self) -> Result<Info, Error> {
        self.pass("info", || Ok(self.broker.info())).await
    }

    async fn trim(&self, first_kept: Seq) -> Result<(), Error> {
        self.pass("trim", || self.broker.trim(first_kept)).await
    }

    async fn durability(&self) -> Result<Durability, Error> {
        Ok(Durability::Fsync)
    }
}
