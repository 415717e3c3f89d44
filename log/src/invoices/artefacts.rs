//! The text of the column `artefacts`: a JSON array without blanks, one object a file.

use serde::{Deserialize, Serialize};

use super::entry::Artefact;

/// One file as it is stored. Its fields are in this order for ever; a later one may be absent.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    format: String,
    key: String,
    sha256: String,
    bytes: u64,
}

/// The files as text.
pub(super) fn to_text(artefacts: &[Artefact]) -> String {
    let stored = artefacts.iter().map(|artefact| Stored {
        format: artefact.format.clone(),
        key: artefact.key.clone(),
        sha256: artefact.digest.to_string(),
        bytes: artefact.bytes,
    });
    serde_json::to_string(&stored.collect::<Vec<_>>()).expect("files are texts and integers")
}

/// The files of a text; the error says what is wrong with it.
pub(super) fn from_text(text: &str) -> Result<Vec<Artefact>, String> {
    let stored: Vec<Stored> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let artefact = |stored: Stored| {
        let digest = stored.sha256.parse().map_err(|_| format!("sha256 {:?} is no digest", stored.sha256))?;
        Ok(Artefact { format: stored.format, key: stored.key, digest, bytes: stored.bytes })
    };
    let artefacts: Vec<Artefact> = stored.into_iter().map(artefact).collect::<Result<_, String>>()?;
    match to_text(&artefacts) == text {
        true => Ok(artefacts),
        false => Err("it is not as this program writes it".to_owned()),
    }
}
