//! Log lines of a server, written by a thread of their own: whoever reads them may be slow, or gone, and neither holds
//! up or harms a task that says something.

#![expect(clippy::disallowed_methods, reason = "a thread writes the lines; who waits for it has a deadline")]

use std::{
    io,
    sync::{
        LazyLock,
        atomic::{AtomicUsize, Ordering},
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    time::Duration,
};

/// Lines that wait to be written. What comes while so many wait is dropped, and counted.
const WAITING_MAX: usize = 4_096;
/// Bytes of a line; the rest is cut off. So what waits has at most 32 MiB.
const LINE_BYTES_MAX: usize = 8 << 10;
/// How often it looks whether there is room in the queue.
const FLUSH_PAUSE: Duration = Duration::from_millis(5);
/// How long the end of the process waits until the lines are written.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

static WRITER: LazyLock<Writer> = LazyLock::new(|| Writer::start(io::stderr()));

/// The thread that writes, as those see it that have lines.
#[derive(Debug)]
struct Writer {
    lines: SyncSender<Message>,
    dropped: AtomicUsize,
}

#[derive(Debug)]
enum Message {
    Line(Vec<u8>),
    /// Everything before it was written.
    Written(SyncSender<()>),
}

impl Writer {
    fn start(mut to: impl io::Write + Send + 'static) -> Self {
        let (lines, waiting) = sync_channel(WAITING_MAX);
        std::thread::spawn(move || {
            for message in waiting {
                // A line that cannot be written is nobody's any more.
                let _ = match message {
                    Message::Line(line) => to.write_all(&line),
                    Message::Written(tell) => tell.try_send(()).map_err(io::Error::other),
                };
            }
        });
        Self { lines, dropped: AtomicUsize::new(0) }
    }

    /// Queues a line, behind one that says how many were dropped.
    fn queue(&self, line: Vec<u8>) {
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            let said = format!("clicktrail: {dropped} log lines were dropped, because stderr was not read\n");
            if self.lines.try_send(Message::Line(said.into_bytes())).is_err() {
                self.dropped.fetch_add(dropped, Ordering::Relaxed);
            }
        }
        match self.lines.try_send(Message::Line(line)) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Waits until what is queued was written, if somebody reads it.
    fn flush(&self, timeout: Duration) {
        let (tell, told) = sync_channel(1);
        let mut message = Message::Written(tell);
        let pauses = timeout.as_millis() / FLUSH_PAUSE.as_millis();
        for _ in 0..pauses {
            match self.lines.try_send(message) {
                Ok(()) => {
                    let _ = told.recv_timeout(timeout);
                    return;
                }
                Err(TrySendError::Full(again)) => message = again,
                Err(TrySendError::Disconnected(_)) => return,
            }
            std::thread::sleep(FLUSH_PAUSE);
        }
    }
}

/// One line on its way.
#[derive(Debug)]
pub(super) struct Lines(Vec<u8>);

impl Lines {
    /// A line for stderr.
    pub(super) fn to_stderr() -> Self {
        Self(Vec::new())
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = LINE_BYTES_MAX.saturating_sub(self.0.len());
        self.0.extend_from_slice(&bytes[..bytes.len().min(room)]);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        let mut line = std::mem::take(&mut self.0);
        if line.is_empty() {
            return;
        }
        if line.last() != Some(&b'\n') {
            line.push(b'\n');
        }
        WRITER.queue(line);
    }
}

/// Waits a moment until the lines are written, if there were any.
pub(super) fn flush() {
    if let Some(writer) = LazyLock::get(&WRITER) {
        writer.flush(FLUSH_TIMEOUT);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, mpsc};

    use super::*;

    /// Takes nothing before it is let.
    struct Gate {
        opened: mpsc::Receiver<()>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl io::Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // Open for good once the other end is gone.
            let _ = self.opened.recv();
            self.written.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn nobody_waits_for_a_reader_that_stands_still_and_what_was_dropped_is_said() {
        let (open, opened) = mpsc::channel();
        let written = Arc::default();
        let writer = Writer::start(Gate { opened, written: Arc::clone(&written) });
        for _ in 0..WAITING_MAX + 100 {
            writer.queue(b"line\n".to_vec());
        }
        assert!(writer.dropped.load(Ordering::Relaxed) >= 99, "the queue has an end");
        drop(open);
        writer.flush(Duration::from_secs(60));
        writer.queue(b"last\n".to_vec());
        writer.flush(Duration::from_secs(60));
        let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
        assert!(text.ends_with(" log lines were dropped, because stderr was not read\nlast\n"), "{text}");
    }

    #[test]
    fn a_reader_that_is_gone_harms_nobody() {
        struct Gone;
        impl io::Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let writer = Writer::start(Gone);
        for _ in 0..10 {
            writer.queue(b"line\n".to_vec());
        }
        writer.flush(Duration::from_secs(60));
        assert_eq!(writer.dropped.load(Ordering::Relaxed), 0);
    }
}
