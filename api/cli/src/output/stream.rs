//! Stdout and stderr, and what became of what was written to them.
//!
//! Standard streams of the language take a write to a descriptor that cannot be written for a success, and so does
//! whoever ignores what a write returns. Here the descriptor is written to itself, and the first failure is kept.

use std::{
    fs::File,
    io::{self, ErrorKind, Write as _},
    os::fd::AsFd,
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
};

/// Where results go.
pub(super) static STDOUT: LazyLock<Stream> = LazyLock::new(|| Stream::of("stdout", &io::stdout()));
/// Where everything else goes.
pub(super) static STDERR: LazyLock<Stream> = LazyLock::new(|| Stream::of("stderr", &io::stderr()));

/// One of the streams.
#[derive(Debug)]
pub(super) struct Stream {
    name: &'static str,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// Lines are written as they come: whoever reads along sees them, and none is lost with the process.
    Open(File),
    /// The reader has gone away: the rest is for nobody.
    Closed,
    /// Something that was to be read is lost.
    Failed(io::Error),
}

impl Stream {
    fn of(name: &'static str, descriptor: &impl AsFd) -> Self {
        let file = descriptor.as_fd().try_clone_to_owned().map(File::from);
        Self { name, state: Mutex::new(file.map_or_else(State::Failed, State::Open)) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a line, unless an earlier one failed.
    pub(super) fn line(&self, text: &str) {
        self.bytes(format!("{text}\n").as_bytes());
    }

    /// Writes bytes, unless an earlier write failed.
    pub(super) fn bytes(&self, bytes: &[u8]) {
        let mut state = self.state();
        if let State::Open(file) = &mut *state
            && let Err(error) = file.write_all(bytes)
        {
            *state = State::after(error);
        }
    }

    /// Whether a line could still reach somebody.
    pub(super) fn is_open(&self) -> bool {
        matches!(&*self.state(), State::Open(_))
    }

    /// Ends the stream: an error if anything is lost.
    pub(super) fn finish(&self) -> io::Result<()> {
        let mut state = self.state();
        if let State::Open(file) = &*state
            && let Err(error) = stored(file)
        {
            *state = State::after(error);
        }
        match std::mem::replace(&mut *state, State::Closed) {
            State::Open(_) | State::Closed => Ok(()),
            State::Failed(error) => Err(io::Error::new(error.kind(), format!("write to {}: {error}", self.name))),
        }
    }
}

impl State {
    fn after(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Failed(error),
        }
    }
}

/// Some file systems take bytes that they have no room for, and say so only when they must keep them.
fn stored(file: &File) -> io::Result<()> {
    if !file.metadata()?.is_file() {
        return Ok(());
    }
    match file.sync_data() {
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::{io::pipe, os::fd::OwnedFd};

    use super::*;

    fn written(descriptor: &OwnedFd) -> io::Result<()> {
        let stream = Stream::of("stdout", descriptor);
        stream.line("a result");
        stream.line("another");
        stream.finish()
    }

    #[test]
    fn only_a_closed_pipe_is_no_failure() {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        written(&writer.into()).unwrap();

        let full = File::options().write(true).open("/dev/full").unwrap();
        let error = written(&full.into()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        assert!(error.to_string().starts_with("write to stdout: "), "{error}");

        // A descriptor that is open, but not for writing: the language's own stdout says that all is well.
        let unwritable = File::open("/dev/null").unwrap();
        assert!(written(&unwritable.into()).is_err());
    }

    #[test]
    fn lines_reach_the_file_in_order() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("answer");
        written(&File::create(&path).unwrap().into()).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a result\nanother\n");
    }

    #[test]
    fn stream_that_failed_takes_nothing_more() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let stream = Stream::of("stdout", &full);
        assert!(stream.is_open());
        stream.line("lost");
        assert!(!stream.is_open());
    }
}
