//! `clicktrail log consistency OLD NEW`: whether what was signed then is the beginning of what was signed later.

use anyhow::{Context as _, ensure};
use clicktrail_evidence::{Hash, note::VerifierKey, tree::consistency};
use clicktrail_log::archive::transparency::{Kept, Reader};
use serde_json::json;

use crate::{
    exit::Exit,
    global::{Format, Global},
    installation::Installation,
    output, signing,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The earlier checkpoint: a file that holds it, or a number of entries, as the archive has them
    old: String,
    /// The later one
    new: String,
    /// Check that checkpoints are signed by one of these verifier keys, or of files that hold them: those in files, and
    /// of a number the archive's newest, which is over all entries
    #[arg(long = "key", value_name = "VKEY or FILE", value_parser = signing::verifier)]
    keys: Vec<VerifierKey>,
}

/// A tree, as a checkpoint says or as the archive has it.
struct Tree {
    size: u64,
    root: Hash,
    origin: Option<String>,
}

pub(super) async fn run(global: &Global, instance: &Installation, arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut reader = Reader::new(instance.archive.clone());
    let Some(newest) = reader.newest().await? else {
        output::note("clicktrail: nothing was signed yet: see `log sign` and `serve --evidence-key`");
        return Ok(Exit::InputIncomplete);
    };
    if !arguments.keys.is_empty() {
        newest.note.verify(&arguments.keys).context("check the newest checkpoint of the archive")?;
    }
    let old = tree(&mut reader, &newest, &arguments.old, &arguments.keys).await?;
    let new = tree(&mut reader, &newest, &arguments.new, &arguments.keys).await?;
    ensure!(
        old.size <= new.size,
        "{} has more entries than {}: name the earlier one first",
        arguments.old,
        arguments.new
    );
    for tree in [&old, &new] {
        let (size, signed) = (tree.size, newest.checkpoint.size);
        if size > signed {
            output::note(&format!("clicktrail: a checkpoint is over {size} entries, and the archive has {signed}"));
            return Ok(Exit::InputIncomplete);
        }
        let origin = tree.origin.as_ref().unwrap_or(&newest.checkpoint.origin);
        if *origin != newest.checkpoint.origin {
            output::line(&format!(
                "PROBLEM one checkpoint is of the log {origin:?}, not {:?}",
                newest.checkpoint.origin
            ));
            return Ok(Exit::Differences);
        }
    }
    let proof = reader.consistency(old.size, new.size, newest.checkpoint.size).await?;
    let checked = consistency::verify(old.size, &old.root, new.size, &new.root, &proof);
    // Of two numbers both trees are the archive's own: they are held against what was signed over all of it.
    let (last, root) = (newest.checkpoint.size, newest.checkpoint.root);
    let to_newest = reader.consistency(new.size, last, last).await?;
    if consistency::verify(new.size, &new.root, last, &root, &to_newest).is_err() {
        output::line(&format!(
            "PROBLEM the tree of {} entries is not the beginning of the {last} that the newest checkpoint is over",
            new.size
        ));
        return Ok(Exit::Differences);
    }
    print(global, &old, &new, &proof, checked.is_ok());
    Ok(if checked.is_ok() { Exit::Ok } else { Exit::Differences })
}

async fn tree(reader: &mut Reader, newest: &Kept, text: &str, keys: &[VerifierKey]) -> anyhow::Result<Tree> {
    if let Ok(size) = text.parse() {
        let root = reader.root(size, newest.checkpoint.size).await?;
        return Ok(Tree { size, root, origin: None });
    }
    let bytes = std::fs::read(text).with_context(|| format!("read the checkpoint {text}"))?;
    let kept =
        Kept::parse(&bytes).map_err(anyhow::Error::msg).with_context(|| format!("read the checkpoint {text}"))?;
    if !keys.is_empty() {
        kept.note.verify(keys).with_context(|| format!("check the checkpoint {text}"))?;
    }
    let checkpoint = kept.checkpoint;
    Ok(Tree { size: checkpoint.size, root: checkpoint.root, origin: Some(checkpoint.origin) })
}

fn print(global: &Global, old: &Tree, new: &Tree, proof: &[Hash], is_consistent: bool) {
    match global.output {
        Format::Json => output::json(&json!({
            "old": {"size": old.size, "root": old.root.to_string()},
            "new": {"size": new.size, "root": new.root.to_string()},
            "proof": proof.iter().map(Hash::to_string).collect::<Vec<_>>(),
            "consistent": is_consistent,
        })),
        Format::Table if is_consistent => {
            let (old, new) = (old.size, new.size);
            output::line(&format!("the log of {new} entries begins with the log of {old}, by this proof:"));
            proof.iter().for_each(|hash| output::line(&format!("  {hash}")));
        }
        Format::Table => {
            let (old, new) = (old.size, new.size);
            output::line(&format!(
                "PROBLEM the tree of {new} entries does not continue that of {old}: two histories were signed, or the \
                 archive was changed since"
            ));
        }
    }
}
