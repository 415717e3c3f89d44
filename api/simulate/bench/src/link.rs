//! A way to a broker that is far: what goes through it arrives later, and it can be cut.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{mpsc, watch},
    time::Instant,
};
use tokio_util::task::AbortOnDropHandle;

/// Bytes of one piece.
const PIECE: usize = 64 << 10;
/// Pieces on their way: more than a second's worth of what a local disk takes in.
const ON_THE_WAY: usize = 4_096;

/// It ends, with everything that goes through it, when this is dropped.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) url: String,
    is_open: watch::Sender<bool>,
    _accepting: AbortOnDropHandle<()>,
}

impl Link {
    /// A way to `url` on which everything takes `delay`, in each direction.
    pub(crate) async fn to(url: &str, delay: Duration) -> anyhow::Result<Self> {
        let target: SocketAddr = url.trim_start_matches("nats://").parse().context("a broker's address")?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("nats://{}", listener.local_addr()?);
        let (is_open, seen) = watch::channel(true);
        let accepting = AbortOnDropHandle::new(tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                if *seen.borrow() {
                    tokio::spawn(connect(near, target, delay, seen.clone()));
                }
            }
        }));
        Ok(Self { url, is_open, _accepting: accepting })
    }

    /// From now on every connection is closed as it is made, and those that are there are closed.
    pub(crate) fn cut(&self) {
        self.is_open.send_replace(false);
    }

    /// From now on connections are passed on.
    pub(crate) fn mend(&self) {
        self.is_open.send_replace(true);
    }
}

async fn connect(near: TcpStream, target: SocketAddr, delay: Duration, mut is_open: watch::Receiver<bool>) {
    let Ok(far) = TcpStream::connect(target).await else { return };
    if near.set_nodelay(true).is_err() || far.set_nodelay(true).is_err() {
        return;
    }
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    tokio::select! {
        () = pass(near_in, far_out, delay) => {}
        () = pass(far_in, near_out, delay) => {}
        _ = is_open.wait_for(|open| !open) => {}
    }
}

/// Until either end is gone.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, delay: Duration) {
    let (sender, mut receiver) = mpsc::channel::<(Instant, Vec<u8>)>(ON_THE_WAY);
    let reading = async move {
        let mut buffer = vec![0; PIECE];
        while let Ok(length @ 1..) = from.read(&mut buffer).await {
            if sender.send((Instant::now() + delay, buffer[..length].to_vec())).await.is_err() {
                break;
            }
        }
    };
    let writing = async move {
        while let Some((due, bytes)) = receiver.recv().await {
            tokio::time::sleep_until(due).await;
            if to.write_all(&bytes).await.is_err() {
                break;
            }
        }
    };
    tokio::join!(reading, writing);
}
