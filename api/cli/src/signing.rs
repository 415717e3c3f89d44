//! The keys that sign sealed hours, and the witnesses that sign beside them, as commands are given them.

use std::{
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use clicktrail_billing::heads;
use clicktrail_evidence::{
    note::{SigningKey, VerifierKey},
    verify::Trust,
};
use clicktrail_live::signing::Signing;
use clicktrail_log::archive::{
    Archive,
    transparency::{Keys, witnesses::Address},
};
use tracing::error;

use crate::output;

/// What signs, and who signs beside it.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Sign sealed hours with this key (see `evidence keygen`); two, by a comma, while one replaces the other
    #[arg(long = "evidence-key", env = "CLICKTRAIL_EVIDENCE_KEY", value_name = "FILE", value_delimiter = ',')]
    pub(crate) keys: Vec<PathBuf>,
    /// Ask this witness to sign beside us; several, by commas
    #[arg(long = "witness", env = "CLICKTRAIL_WITNESS", value_name = "URL=VKEY", value_delimiter = ',')]
    pub(crate) witnesses: Vec<Address>,
}

impl Arguments {
    /// What signs with them; `None` without a key.
    ///
    /// # Errors
    /// If a key cannot be read, the keys cannot sign together, or there are witnesses and nothing to show them.
    pub(crate) fn signing(&self, archive: &Archive) -> anyhow::Result<Option<Signing>> {
        if self.keys.is_empty() {
            anyhow::ensure!(self.witnesses.is_empty(), "witnesses sign what we sign: name a key with --evidence-key");
            return Ok(None);
        }
        let keys = self.keys.iter().map(|path| read_key(path)).collect::<anyhow::Result<Vec<_>>>()?;
        Ok(Some(Signing::new(archive, Keys::new(keys)?, self.witnesses.clone())?))
    }

    /// The same for whoever serves: nothing signs on an archive that was put back to an earlier state.
    ///
    /// # Errors
    /// As [`Arguments::signing`], and if the archive cannot be read.
    pub(crate) async fn going_on(&self, archive: &Archive) -> anyhow::Result<Option<Signing>> {
        let Some(signing) = self.signing(archive)? else { return Ok(None) };
        match heads::contradiction(archive).await? {
            None => Ok(Some(signing)),
            Some(reason) => {
                error!(reason, "sealed hours are not signed: what was signed before is not there; a person must act");
                Ok(None)
            }
        }
    }
}

/// What signs receipts.
#[derive(Debug)]
pub(crate) struct ReceiptKeys {
    /// With these they are signed.
    pub(crate) signing: Arc<[SigningKey]>,
    /// By these they are known again.
    pub(crate) known: Vec<VerifierKey>,
}

impl Arguments {
    /// The key of receipts, or, if there is none, those of the log.
    ///
    /// # Errors
    /// If a key cannot be read.
    pub(crate) fn receipt_keys(&self, own: Option<&Path>) -> anyhow::Result<ReceiptKeys> {
        let of_log = self.keys.iter().map(|path| parse_key(path)).collect::<anyhow::Result<Vec<_>>>()?;
        let own = own.map(read_key).transpose()?;
        let known = own.iter().chain(&of_log).map(|key| key.verifier().clone()).collect();
        let signing = own.map_or(of_log, |own| vec![own]);
        Ok(ReceiptKeys { signing: signing.into(), known })
    }
}

/// Reads a secret key from its file.
///
/// # Errors
/// Names the file.
pub(crate) fn read_key(path: &Path) -> anyhow::Result<SigningKey> {
    let key = parse_key(path)?;
    if std::fs::metadata(path).with_context(|| naming(path))?.mode() & 0o077 != 0 {
        let file = path.display();
        output::note(&format!("clicktrail: other users of this machine can read {file}: chmod 600 {file}"));
    }
    Ok(key)
}

/// The key of a log, given likewise.
pub(crate) fn log_key(text: &str) -> Result<VerifierKey, String> {
    Trust::log_key(verifier(text)?).map_err(|error| error.to_string())
}

/// The key of a witness, given likewise.
pub(crate) fn witness_key(text: &str) -> Result<VerifierKey, String> {
    Trust::witness_key(verifier(text)?).map_err(|error| error.to_string())
}

fn parse_key(path: &Path) -> anyhow::Result<SigningKey> {
    let text = std::fs::read_to_string(path).with_context(|| naming(path))?;
    SigningKey::parse(text.trim_end()).with_context(|| naming(path))
}

fn naming(path: &Path) -> String {
    format!("read the key file {}", path.display())
}

/// A verifier key as it is given on the command line: itself, or the name of a file that holds it.
pub(crate) fn verifier(text: &str) -> Result<VerifierKey, String> {
    let from_text = text.parse::<VerifierKey>();
    match (&from_text, std::fs::read_to_string(text)) {
        (Ok(_), _) | (Err(_), Err(_)) => from_text.map_err(|error| error.to_string()),
        (Err(_), Ok(file)) => file.trim().parse().map_err(|error| format!("in the file {text}: {error}")),
    }
}
