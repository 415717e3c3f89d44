//! The threads that templates run on. One that did its work in time is kept for the next page, with the memory that it
//! has. One that did not is left behind, and one that broke down is over.

#![expect(clippy::disallowed_types, reason = "a template that does not end can only be left behind on its thread")]

use std::{
    any::Any,
    io,
    sync::{
        Mutex, PoisonError,
        mpsc::{RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::{Builder, JoinHandle},
    time::Duration,
};

/// What the deepest nesting that typst allows takes.
const STACK_BYTES: usize = 16 << 20;
/// Threads that wait for a page. There are never more than were at work at one time.
const IDLE_MAX: usize = 16;

type Work = Box<dyn FnOnce() + Send>;

/// A thread, and how it gets its work.
struct Typesetter {
    work: SyncSender<Work>,
    thread: JoinHandle<()>,
}

/// Those that have nothing to do. The others belong to whoever waits for them.
static IDLE: Mutex<Vec<Typesetter>> = Mutex::new(Vec::new());

/// What became of a piece of work.
#[derive(Debug)]
pub(super) enum Ended<T> {
    Done(T),
    /// Its time was over. Its thread ends when it does.
    TooSlow,
    /// What the thread said when it broke down.
    Broke(String),
}

/// Does some work on a thread, and waits for it so long. `is_last`: the thread ends behind it, and gives back what it
/// took.
pub(super) fn run<T: Send + 'static>(
    patience: Duration,
    is_last: bool,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<Ended<T>> {
    let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let typesetter = idle.map_or_else(Typesetter::start, Ok)?;
    let (answer, answered) = sync_channel(1);
    // Nobody waits any more if it took too long.
    let work: Work = Box::new(move || drop(answer.send(work())));
    if typesetter.work.send(work).is_err() {
        return Ok(Ended::Broke(typesetter.said()));
    }
    Ok(match answered.recv_timeout(patience) {
        Ok(done) => {
            let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
            if !is_last && idle.len() < IDLE_MAX {
                idle.push(typesetter);
            }
            Ended::Done(done)
        }
        Err(RecvTimeoutError::Timeout) => Ended::TooSlow,
        Err(RecvTimeoutError::Disconnected) => Ended::Broke(typesetter.said()),
    })
}

impl Typesetter {
    fn start() -> io::Result<Self> {
        let (work, given) = sync_channel::<Work>(1);
        let thread = Builder::new().name("typesetter".to_owned()).stack_size(STACK_BYTES);
        let thread = thread.spawn(move || given.into_iter().for_each(|work| work()))?;
        Ok(Self { work, thread })
    }

    /// The last that a thread said which is over.
    fn said(self) -> String {
        drop(self.work);
        let what: Option<Box<dyn Any + Send>> = self.thread.join().err();
        let text = what.as_ref().and_then(|what| {
            what.downcast_ref::<String>().map(String::as_str).or_else(|| what.downcast_ref::<&str>().copied())
        });
        text.unwrap_or("it broke down").to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Ended<T> {
        run(Duration::from_secs(60), false, work).unwrap()
    }

    #[test]
    fn a_thread_that_broke_down_says_why_and_the_next_work_is_done() {
        let broke = done(|| panic!("the page is {}", "torn"));
        assert!(matches!(&broke, Ended::Broke(said) if said == "the page is torn"), "{broke:?}");
        assert!(matches!(done(|| 7), Ended::Done(7)));
    }

    #[test]
    fn a_thread_that_nobody_waits_for_gets_no_more_work() {
        let (go_on, held) = sync_channel::<()>(1);
        let (told, slow) = sync_channel(1);
        let late = run(Duration::from_millis(10), false, move || {
            told.send(std::thread::current().id()).unwrap();
            held.recv().ok();
        });
        assert!(matches!(late, Ok(Ended::TooSlow)), "{late:?}");
        let slow = slow.recv().unwrap();
        for _ in 0..IDLE_MAX + 1 {
            let Ended::Done(id) = done(|| std::thread::current().id()) else { panic!("it is done") };
            assert_ne!(id, slow);
        }
        go_on.send(()).unwrap();
    }
}
