//! `clicktrail witness`: signs checkpoints of logs that it knows, as long as each continues the one before.

mod door;
mod state;

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::Context as _;
use clicktrail_evidence::{
    note::{Kind, VerifierKey},
    tlog::Witness,
};
use clicktrail_server::witness::serve;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::info;

use self::{door::Door, state::State};
use crate::{exit::Exit, interrupt::interrupted, output, signing};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// IP address and port to listen on; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// Key to sign with: see `evidence keygen --witness`
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// A log that is signed, and its verifier key; again with a second key while a log replaces its first
    #[arg(long = "log-key", value_name = "ORIGIN=VKEY", required = true, value_parser = log_key)]
    logs: Vec<(String, VerifierKey)>,
    /// File that remembers what was signed. A witness that loses it could sign another history
    #[arg(long, value_name = "FILE")]
    state: PathBuf,
}

/// Reads `ORIGIN=VKEY`.
fn log_key(text: &str) -> Result<(String, VerifierKey), String> {
    let (origin, key) = text.rsplit_once('=').ok_or("it must be ORIGIN=VKEY")?;
    let key: VerifierKey = key.parse().map_err(|error| format!("{key:?}: {error}"))?;
    match key.kind() {
        Kind::Ed25519 if !origin.is_empty() => Ok((origin.to_owned(), key)),
        Kind::Ed25519 => Err("the name of the log is empty".to_owned()),
        Kind::Cosignature => Err(format!("{key} is the key of a witness, not of a log")),
    }
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<Exit> {
    let key = signing::read_key(&arguments.key)?;
    let mut logs: BTreeMap<String, Vec<VerifierKey>> = BTreeMap::new();
    for (origin, key) in arguments.logs {
        logs.entry(origin).or_default().push(key);
    }
    let state = State::open(&arguments.state)?;
    let witness = Witness::new(&key, logs);
    // For whoever is to name this witness.
    output::line(&witness.verifier().to_string());
    let listener =
        TcpListener::bind(arguments.listen).await.with_context(|| format!("listen on {}", arguments.listen))?;
    info!(address = %listener.local_addr()?, "listening");
    output::line(&format!("http://{}", listener.local_addr()?));
    let shutdown = CancellationToken::new();
    tokio::spawn({
        let shutdown = shutdown.clone();
        async move {
            interrupted().await;
            shutdown.cancel();
        }
    });
    serve(listener, Arc::new(Door::new(witness, state)), shutdown).await;
    Ok(Exit::Ok)
}
