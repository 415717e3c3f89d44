//! A connection whose other side must read: answers that nobody reads would fill the server.

#![expect(clippy::disallowed_methods, reason = "a write has a deadline")]

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{self, Sleep},
};

/// So many bytes must leave within the deadline: one that reads a byte now and then is no better than one that does
/// not.
const PROGRESS_BYTES: usize = 64 << 10;

/// A stream that fails once what is to be written does not leave in time.
#[derive(Debug)]
pub(crate) struct WriteDeadline<S> {
    stream: S,
    timeout: Duration,
    /// Runs while something waits to be written.
    deadline: Option<Pin<Box<Sleep>>>,
    /// Bytes that left since it was set.
    left: usize,
}

impl<S> WriteDeadline<S> {
    pub(crate) fn new(stream: S, timeout: Duration) -> Self {
        Self { stream, timeout, deadline: None, left: 0 }
    }

    /// What the stream said, unless it has been waiting for too long.
    fn watch<T>(
        &mut self,
        said: Poll<io::Result<T>>,
        left: impl Fn(&T) -> usize,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        match said {
            Poll::Ready(ended) => {
                self.left += ended.as_ref().map_or(0, left);
                if self.left >= PROGRESS_BYTES {
                    self.deadline = None;
                    self.left = 0;
                }
                Poll::Ready(ended)
            }
            Poll::Pending => {
                let timeout = self.timeout;
                let deadline = self.deadline.get_or_insert_with(|| Box::pin(time::sleep(timeout)));
                match deadline.as_mut().poll(context) {
                    Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
                    Poll::Pending => Poll::Pending,
                }
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WriteDeadline<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WriteDeadline<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let said = Pin::new(&mut this.stream).poll_write(context, bytes);
        // The last of an answer left: the next one has its own deadline.
        if matches!(said, Poll::Ready(Ok(written)) if written == bytes.len()) {
            (this.deadline, this.left) = (None, 0);
        }
        this.watch(said, |written| *written, context)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let said = Pin::new(&mut this.stream).poll_flush(context);
        this.watch(said, |()| 0, context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let said = Pin::new(&mut this.stream).poll_shutdown(context);
        this.watch(said, |()| 0, context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let said = Pin::new(&mut this.stream).poll_write_vectored(context, bytes);
        let all: usize = bytes.iter().map(|slice| slice.len()).sum();
        if matches!(said, Poll::Ready(Ok(written)) if written == all) {
            (this.deadline, this.left) = (None, 0);
        }
        this.watch(said, |written| *written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_reads_nothing_is_cut_and_who_reads_slowly_is_not() {
        let timeout = Duration::from_secs(30);
        let (ours, theirs) = duplex(1_024);
        let mut ours = WriteDeadline::new(ours, timeout);
        let begun = time::Instant::now();
        let cut = ours.write_all(&[0; 10_000]).await.unwrap_err();
        assert_eq!((cut.kind(), begun.elapsed()), (io::ErrorKind::TimedOut, timeout));
        drop(theirs);

        let (ours, mut theirs) = duplex(PROGRESS_BYTES);
        let mut ours = WriteDeadline::new(ours, timeout);
        let reading = tokio::spawn(async move {
            let mut some = vec![0; PROGRESS_BYTES];
            for _ in 0..8 {
                time::sleep(timeout / 2).await;
                theirs.read_exact(&mut some).await.unwrap();
            }
        });
        ours.write_all(&vec![0; 8 * PROGRESS_BYTES]).await.unwrap();
        reading.await.unwrap();
    }
}
