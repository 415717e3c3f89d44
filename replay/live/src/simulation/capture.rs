//! A capturing server: a committer, before it a spool or not, and what its data directory keeps from start to start.

use std::sync::{Arc, Mutex};

use clicktrail_log::{
    committer::{Committer, Direct, Sink},
    frame::{Writer, identity_of_start},
    ids::{Ids as _, SeededIds},
    log::{Log, Stream},
    position::Epoch,
    spool::SpooledLog,
    time::Clock as _,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    broker::{Broker, Through},
    gate::Gate,
    place::Place,
    planted::Planted,
    world::{Skewed, World},
};

/// A server and its data directory.
#[derive(Debug)]
pub(super) struct Capture {
    /// Where its clock stands.
    pub(super) clock: Arc<Skewed>,
    /// Whether it has a spool.
    is_spooling: bool,
    /// Its directory's own id, which a copy has too, and where the ids of its starts come from.
    directory: Uuid,
    ids: Arc<SeededIds>,
    /// The file of its spool.
    spool: Mutex<Arc<Broker>>,
    committer: Mutex<Option<Committer>>,
}

/// Ends the tasks of a process with it.
struct Tasks(Vec<JoinHandle<()>>);

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

impl Capture {
    pub(super) fn new(clock: Arc<Skewed>, number: u16, is_spooling: bool) -> Self {
        let spool = Mutex::new(Arc::new(Broker::new(Arc::clone(&clock) as Arc<_>, false, None)));
        let (directory, ids) = (Uuid::from_u128(u128::from(number) << 100 | 0x7bcd), SeededIds::new(number));
        Self { clock, is_spooling, directory, ids: Arc::new(ids), spool, committer: Mutex::default() }
    }

    /// A server on a copy of this one's directory as it is now. Its starts get ids of their own, unless it is a copy of
    /// the whole machine: then they get those that this one's starts got from the beginning, and write under them.
    pub(super) fn copied(&self, clock: Arc<Skewed>, is_of_machine: bool, number: u16) -> Self {
        let ids = if is_of_machine { Arc::new(SeededIds::new(number)) } else { Arc::clone(&self.ids) };
        Self {
            clock,
            is_spooling: self.is_spooling,
            directory: self.directory,
            ids,
            spool: Mutex::new(Arc::new(self.spool().copy())),
            committer: Mutex::default(),
        }
    }

    /// What the file of its spool is now.
    pub(super) fn spool(&self) -> Arc<Broker> {
        Arc::clone(&self.spool.lock().unwrap())
    }

    /// Puts the file of its spool back as it was. It must not be running.
    pub(super) fn restore(&self, spool: Broker) {
        *self.spool.lock().unwrap() = Arc::new(spool);
    }

    pub(super) fn committer(&self) -> Option<Committer> {
        self.committer.lock().unwrap().clone()
    }

    pub(super) fn stopped(&self) {
        self.committer.lock().unwrap().take();
    }

    /// Serves until the log refuses a frame for good.
    pub(super) async fn run(&self, world: &World, gate: &Arc<Gate>) {
        let log: Arc<dyn Log> = Arc::new(world.through(&world.clicks, Place::Clicks, gate));
        let writer = Writer::new(identity_of_start(self.directory, self.ids.next(self.clock.now())), 1);
        let mut tasks = Tasks(Vec::new());
        let sink: Arc<dyn Sink> = if self.is_spooling {
            let spool = self.spool();
            if world.planted == Some(Planted::SpoolForgetsLast) {
                spool.forget_last();
            }
            let through = Through { broker: spool, gate: Arc::clone(gate), place: Place::Disk, planted: None };
            let spooled = loop {
                let file: Arc<dyn Log> = Arc::new(through.clone());
                match SpooledLog::over(Arc::clone(&log), file, Stream::Clicks, Epoch::FIRST).await {
                    Ok(spooled) => break Arc::new(spooled),
                    Err(_) => gate.pause(500).await,
                }
            };
            tasks.0.push(tokio::spawn(Arc::clone(&spooled).run(CancellationToken::new())));
            spooled
        } else {
            loop {
                match Direct::new(Arc::clone(&log)).await {
                    Ok(direct) => break Arc::new(direct),
                    Err(_) => gate.pause(500).await,
                }
            }
        };
        let (committer, task) = Committer::start(sink, writer);
        *self.committer.lock().unwrap() = Some(committer);
        tasks.0.push(task);
        let (first, rest) = tasks.0.split_first_mut().expect("there is a committer");
        let ended = match rest.first_mut() {
            Some(second) => tokio::select! {
                biased;
                ended = first => ended,
                ended = second => ended,
            },
            None => first.await,
        };
        if let Err(error) = ended
            && error.is_panic()
        {
            std::panic::resume_unwind(error.into_panic());
        }
    }
}
