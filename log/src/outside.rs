//! Bytes from outside, in the hands of decoders that trust them.
//!
//! The decoders of Arrow and Parquet slice where a message or a footer says (seen with 59.3), and panic when that is
//! wrong. A digest or a manifest stands before most of what is read here, but a forged or torn file may fit it, and
//! whoever reads such a file must be told its name rather than end. So every decoder runs in here: what it panics with
//! becomes an error, and nothing is printed of it. `archive::batches` does this for Parquet.

use std::{
    any::Any,
    future::poll_fn,
    panic::{self, AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{Mutex, MutexGuard, Once, PoisonError},
    thread::{self, ThreadId},
};

/// So much is told of what a decoder said.
const CHARS_TOLD: usize = 200;

/// Where decoders are under way: a thread for each, also for one within another. A panic hook is told nothing of who
/// decodes, so it looks here for its own thread.
static DECODING: Mutex<Vec<ThreadId>> = Mutex::new(Vec::new());

fn decoding() -> MutexGuard<'static, Vec<ThreadId>> {
    // Held while a thread is put in, looked for or taken out, which is whole or did not happen.
    DECODING.lock().unwrap_or_else(PoisonError::into_inner)
}

fn under_way_here() -> usize {
    let here = thread::current().id();
    decoding().iter().filter(|thread| **thread == here).count()
}

/// Runs a decoder over bytes from outside. What it has half done when it panics is dropped with it.
///
/// # Errors
/// What it panicked with, for people.
pub fn caught<T>(decode: impl FnOnce() -> T) -> Result<T, String> {
    static SILENT: Once = Once::new();
    SILENT.call_once(stay_silent_while_decoding);
    let here = thread::current().id();
    decoding().push(here);
    let decoded = catch_unwind(AssertUnwindSafe(decode));
    let mut all = decoding();
    let last = all.iter().rposition(|thread| *thread == here);
    all.swap_remove(last.expect("it was put in, and only its own thread takes it out"));
    drop(all);
    decoded.map_err(|said| format!("its decoder broke down: {}", words(said.as_ref())))
}

/// Runs a decoder that waits for its bytes.
///
/// # Errors
/// As [`caught`].
pub async fn caught_while<F: Future>(decode: F) -> Result<F::Output, String> {
    let mut decode = pin!(decode);
    poll_fn(|context| match caught(|| decode.as_mut().poll(context)) {
        Ok(polled) => polled.map(Ok),
        Err(said) => std::task::Poll::Ready(Err(said)),
    })
    .await
}

/// A decoder that panics is an error like any other. Every other panic is told as before.
fn stay_silent_while_decoding() {
    let others = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if under_way_here() == 0 {
            others(panic);
        }
    }));
}

fn words(said: &(dyn Any + Send)) -> String {
    let text = said.downcast_ref::<String>().map(String::as_str).or_else(|| said.downcast_ref::<&str>().copied());
    text.unwrap_or("without a word").chars().take(CHARS_TOLD).collect()
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;

    use super::*;

    #[test]
    fn decoder_that_breaks_down_is_an_error_that_says_what_it_said() {
        let at = std::hint::black_box(7);
        let said = caught(|| [1, 2, 3][at]).unwrap_err();
        assert!(said.starts_with("its decoder broke down: ") && said.contains('7'), "{said}");
        assert_eq!(caught(|| 5), Ok(5));
        let long = caught(|| panic!("{}", "long ".repeat(1_000))).map(|()| 0).unwrap_err();
        assert!(long.len() < 300, "{} bytes", long.len());
    }

    #[test]
    fn decoder_within_another_is_caught_where_it_stands_and_the_thread_is_loud_again() {
        let outer = caught(|| {
            let inner = caught(|| panic!("inside")).map(|()| 0).unwrap_err();
            assert_eq!(under_way_here(), 1);
            inner
        });
        assert!(outer.unwrap().contains("inside"));
        assert_eq!(under_way_here(), 0);
    }

    #[test]
    fn decoder_that_waits_is_caught_behind_its_wait() {
        let found = block_on(caught_while(async {
            let mut waited = false;
            poll_fn(|context| {
                context.waker().wake_by_ref();
                if std::mem::replace(&mut waited, true) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
            })
            .await;
            assert!(!std::hint::black_box(waited), "it came back");
        }));
        assert!(found.unwrap_err().contains("it came back"));
        assert_eq!(block_on(caught_while(async { 3 })), Ok(3));
    }
}
