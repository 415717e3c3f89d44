//! The local spool: while the log is away, frames are fsynced here in order, and they drain when it is back.
//!
//! While the spool holds a frame, every later frame goes through it too, so a writer's frames reach the log in their
//! order. A frame whose append had an unknown outcome is spooled unchanged: when it is sent again, the log or its
//! readers recognise it. What an earlier process left is looked for in the log before it is sent (`inherited`).

#![expect(
    clippy::disallowed_methods,
    reason = "background work: a broker that does not answer in time has its frames spooled, and is asked again after a pause"
)]

use std::{path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use metrics::gauge;
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use self::inherited::Inherited;
use crate::{
    committer::{Sink, Stored},
    embedded::EmbeddedLog,
    frame::Frame,
    invariant,
    log::{Error, Log, ReadLimit, Stream},
    position::{Epoch, Seq},
    time::Clock,
};

/// Frames on the spool, by stream.
pub const WAITING_FRAMES: &str = "clicktrail_spool_waiting_frames";

/// How long an append into the log may take before the frame goes to the spool instead.
const DIRECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Pause between attempts to drain while the log is away.
const DRAIN_PAUSE: Duration = Duration::from_millis(200);
/// How often an empty spool is looked into.
const IDLE_PAUSE: Duration = Duration::from_millis(50);
/// How long a frame waits before it goes to the spool. Meanwhile the next one fills: so an outage makes few large
/// frames instead of thousands of small ones, each of which would cost the log an fsync when it is back.
const SPOOL_LINGER: Duration = Duration::from_millis(10);
/// While the spool drains, so many frames leave it for each one that comes: so it gets empty under any load.
const DRAINED_FOR_ONE: u64 = 4;
/// The longest time for which a frame waits until those have left.
const DRAINED_TIMEOUT: Duration = Duration::from_secs(1);

const _: () = assert!(DRAINED_FOR_ONE > 1, "more frames leave the spool than come, or it never gets empty");
const _: () =
    assert!(SPOOL_LINGER.as_millis() < DRAINED_TIMEOUT.as_millis(), "a frame waits longer for room than for company");
const _: () = assert!(IDLE_PAUSE.as_millis() <= DRAIN_PAUSE.as_millis(), "a log that is away is not asked more often");

/// A log with a spool in front of it.
#[derive(Debug)]
pub struct SpooledLog {
    log: Arc<dyn Log>,
    spool: Arc<dyn Log>,
    stream: Stream,
    epoch: Epoch,
    /// What the spool holds. It is locked for the whole of an append, so that no frame overtakes one that is on its way
    /// to the spool.
    state: Mutex<State>,
    /// Tells [`SpooledLog::store`] how draining goes.
    progress: watch::Sender<Progress>,
    /// What an earlier process left; only draining looks at it.
    inherited: Mutex<Inherited>,
}

/// How draining goes.
#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    /// Whether spooled frames are reaching the log: there are some, and the log took the last one it was sent.
    is_draining: bool,
    /// Spooled frames that reached the log since the start.
    drained: u64,
}

#[derive(Debug, Clone, Copy)]
struct State {
    /// The first spooled frame that the log does not have yet.
    next: Seq,
    /// One past the last spooled frame; equal to `next` when the spool is empty.
    end: Seq,
}

impl State {
    fn is_empty(self) -> bool {
        self.next == self.end
    }
}

impl SpooledLog {
    /// Opens the spool at `path`, which may hold frames of an earlier run, in front of `log`.
    ///
    /// `epoch` is the log's epoch as last known: the log itself may be away.
    ///
    /// # Errors
    /// As [`EmbeddedLog::open`].
    pub async fn open(
        log: Arc<dyn Log>,
        path: &Path,
        stream: Stream,
        epoch: Epoch,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let spool = EmbeddedLog::open(path, stream, clock).await?;
        Self::over(log, Arc::new(spool), stream, epoch).await
    }

    /// The same with whatever keeps the frames: for simulations, in which files fail.
    ///
    /// # Errors
    /// As [`Log::info`].
    pub async fn over(log: Arc<dyn Log>, spool: Arc<dyn Log>, stream: Stream, epoch: Epoch) -> Result<Self, Error> {
        let info = spool.info().await?;
        let state = State { next: info.first.min(info.last.next()), end: info.last.next() };
        let progress = watch::channel(Progress::default()).0;
        let inherited = Mutex::new(Inherited::until(state.end));
        let spooled = Self { log, spool, stream, epoch, state: Mutex::new(state), progress, inherited };
        spooled.observe(state);
        Ok(spooled)
    }

    /// Reports how many frames wait for the log.
    fn observe(&self, state: State) {
        invariant!(I1, state.next <= state.end, "the spool holds frames {} to {}", state.next, state.end);
        let waiting = u32::try_from(state.end.get() - state.next.get()).unwrap_or(u32::MAX);
        gauge!(WAITING_FRAMES, "stream" => self.stream.as_str()).set(waiting);
    }

    /// Sends spooled frames to the log, in order, until `shutdown`. What is left then waits for the next start.
    pub async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            let drained = self.drain_some().await;
            if !matches!(drained, Ok(1..)) {
                self.progress.send_modify(|progress| progress.is_draining = false);
            }
            let pause = match drained {
                Ok(0) => IDLE_PAUSE,
                Ok(drained) => {
                    info!(drained, "spooled frames reached the log");
                    continue;
                }
                Err(cause) if cause.is_transient() => DRAIN_PAUSE,
                Err(cause) => {
                    error!(%cause, "a spooled frame cannot reach the log; it stays on the spool");
                    Duration::from_secs(5)
                }
            };
            let _ = tokio::time::timeout(pause, shutdown.cancelled()).await;
        }
    }

    /// Sends the frames of one read to the log, and returns how many it took.
    async fn drain_some(&self) -> Result<usize, Error> {
        let state = *self.state.lock().await;
        if state.is_empty() {
            return Ok(0);
        }
        let frames = self.spool.read(state.next, ReadLimit::waiting(Duration::ZERO)).await?;
        let known = self.inherited.lock().await.logged_among(self.log.as_ref(), &frames).await?;
        let mut drained = 0;
        for logged in &frames {
            if !known.contains(&logged.seq) {
                let sent = tokio::time::timeout(DIRECT_TIMEOUT * 3, self.log.append(&logged.frame)).await;
                sent.map_err(|_| Error::UnknownOutcome("no answer from the log".into()))??;
            }
            drained += 1;
            self.progress.send_modify(|progress| {
                *progress = Progress { is_draining: true, drained: progress.drained + 1 };
            });
            let mut state = self.state.lock().await;
            invariant!(I1, logged.seq == state.next, "spooled frame {} drains before {}", logged.seq, state.next);
            state.next = logged.seq.next();
            // A frame whose append to the spool had an unknown outcome can drain before it is known to be there.
            state.end = state.end.max(state.next);
            self.observe(*state);
        }
        // This only frees space. After a crash before it, the frames are sent again, and are repeats.
        let next = self.state.lock().await.next;
        self.spool.trim(next).await?;
        Ok(drained)
    }

    /// Delays a frame that has to queue behind others on the spool. If the log takes frames, some of those leave first,
    /// so the spool gets empty under any load.
    ///
    /// That costs a client some time, and nobody any throughput: the frames of one committer come one at a time, and
    /// whatever arrives meanwhile goes into the next.
    async fn let_it_drain(&self) {
        if self.state.lock().await.is_empty() {
            return;
        }
        let mut progress = self.progress.subscribe();
        let before = *progress.borrow_and_update();
        if before.is_draining {
            let enough = |now: &Progress| !now.is_draining || now.drained >= before.drained + DRAINED_FOR_ONE;
            let _ = tokio::time::timeout(DRAINED_TIMEOUT, progress.wait_for(enough)).await;
        } else {
            tokio::time::sleep(SPOOL_LINGER).await;
        }
    }
}

#[async_trait]
impl Sink for SpooledLog {
    async fn store(&self, frame: &Frame) -> Result<Stored, Error> {
        self.let_it_drain().await;
        let mut state = self.state.lock().await;
        if state.is_empty() {
            let sent = tokio::time::timeout(DIRECT_TIMEOUT, self.log.append(frame)).await;
            let cause = match sent {
                Ok(Ok(appended)) => return Ok(Stored::Logged(appended.seq)),
                Ok(Err(cause)) => cause,
                Err(_) => Error::UnknownOutcome("no answer from the log".into()),
            };
            match cause {
                // Somebody else wrote under this writer's name, so no later frame of it may be stored either.
                Error::Conflict(_) => return Err(cause),
                cause if cause.is_transient() => warn!(%cause, "the log is away; frames go to the spool"),
                // Whatever ails the log, what is captured is kept until somebody mends it.
                cause => error!(%cause, "the log refuses frames, which go to the spool; a person must act"),
            }
        }
        let appended = self.spool.append(frame).await?;
        invariant!(
            I1,
            appended.duplicate || appended.seq >= state.end,
            "frame {} is spooled before {}",
            appended.seq,
            state.end
        );
        state.end = state.end.max(appended.seq.next());
        self.observe(*state);
        Ok(Stored::Spooled)
    }

    fn epoch(&self) -> Epoch {
        self.epoch
    }
}

mod inherited;
#[cfg(test)]
mod tests;
