//! What `log verify` looks at where something was erased: that the redactions follow each other, are about the manifest
//! that stands, and were finished.

use super::document::Left;
use crate::{
    archive::{
        entry::Entry,
        keys::{RedactionKey, SaltsKey},
        manifest::Manifest,
        store::{Archive, Error},
    },
    causes::causes,
    log::Stream,
};

/// What is left of an hour.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// Rows whose personal columns were erased.
    pub(crate) rows: u64,
    /// What is wrong: objects and reasons.
    pub(crate) problems: Vec<(String, String)>,
}

/// How it is finished.
const UNFINISHED: &str = "it was erased and is still there: run `clicktrail personal apply`";

/// Checks an hour of which something was erased.
///
/// # Errors
/// Only [`Error::Unavailable`].
pub(crate) async fn check<L: Left, P: Entry>(archive: &Archive, manifest: &Manifest<P>) -> Result<Checked, Error> {
    let mut checked = Checked::default();
    let hour = manifest.hour();
    let left = match archive.redaction_in::<L>(hour).await {
        Ok(Some(left)) => left,
        Ok(None) => return Ok(checked),
        Err(error @ Error::Unavailable { .. }) => return Err(error),
        Err(error) => {
            checked.problems.push((RedactionKey::prefix(L::STREAM, hour).to_string(), causes(&error)));
            return Ok(checked);
        }
    };
    checked.rows = left.rows;
    let key = |number| RedactionKey { stream: L::STREAM, hour, number };
    if let Err(reason) = left.fits(manifest) {
        checked.problems.push((key(left.number).path().to_string(), reason));
    }
    let mut after = None;
    for number in 1..=left.number {
        let path = key(number).path().to_string();
        match archive.redaction_of::<L>(hour, number).await {
            Ok(found) if found.previous == after => after = Some(found.digest().to_string()),
            Ok(found) => {
                checked.problems.push((path, "it names another redaction as the one before it".to_owned()));
                after = Some(found.digest().to_string());
            }
            Err(error @ Error::Unavailable { .. }) => return Err(error),
            Err(error) => {
                checked.problems.push((path, causes(&error)));
                break;
            }
        }
    }
    for part in &manifest.parts {
        let Some(left) = left.part(part.frames()) else { continue };
        for (file, stands) in part.files().into_iter().zip(left.in_place()) {
            let is_replaced = stands.is_some_and(|stands| stands.key != file.key);
            if is_replaced && archive.holds(&object_store::path::Path::from(file.key.as_str())).await? {
                checked.problems.push((file.key.clone(), UNFINISHED.to_owned()));
            }
        }
    }
    let salts = SaltsKey { hour }.path();
    if L::STREAM == Stream::Clicks && archive.holds(&salts).await? {
        checked.problems.push((salts.to_string(), UNFINISHED.to_owned()));
    }
    Ok(checked)
}
