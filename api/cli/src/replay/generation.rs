//! Generations as people name them: by their id, or the beginning of it.

use anyhow::{bail, ensure};
use clicktrail_catalog::generations::{Generation, GenerationId};

use clicktrail_projections::{Projection, counters};
use clicktrail_replay::codes::Codes;

use crate::{global::Global, installation::Installation, projections::directory};

/// Whether a text is other SQL for counters. That of a user's projection is its definition.
pub(super) fn is_candidate(projection: &str, text: &str) -> bool {
    projection == counters::NAME && !text.is_empty()
}

/// The code of a generation, and everything that its projection was made by.
pub(super) async fn codes(instance: &Installation, generation: &Generation) -> anyhow::Result<Codes> {
    // What a generation of a user's projection keeps needs no directory.
    let own = match generation.projection.as_str() {
        counters::NAME => Projection::counters(),
        name => Projection::from_text(name, &generation.sql).await?,
    };
    Ok(Codes::read(own, instance.catalog.as_ref()).await?)
}

/// The projection that is meant: counters, one of the directory, or that of a generation, whose text needs none.
pub(super) async fn projection(global: &Global, instance: &Installation, text: &str) -> anyhow::Result<Projection> {
    let of_directory = directory::named(global, text).await;
    if of_directory.is_err()
        && let Ok(generation) = named(instance, text).await
    {
        return Ok(Projection::from_text(&generation.projection, &generation.sql).await?);
    }
    of_directory
}

/// Generations that are listed at a time.
const PAGE: u32 = 200;
const _: () = assert!(PAGE > 0, "an empty page would end the list");

/// All generations, the newest first.
pub(super) async fn all(instance: &Installation) -> anyhow::Result<Vec<Generation>> {
    let mut all: Vec<Generation> = Vec::new();
    loop {
        let after = all.last().map(|last| (last.created_at, &last.id));
        let page = instance.catalog.list_generations(after, PAGE).await?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

/// The generation whose id begins so.
pub(crate) async fn named(instance: &Installation, text: &str) -> anyhow::Result<Generation> {
    ensure!(!text.is_empty(), "name a generation: `replay list` shows them");
    if let Some(id) = GenerationId::parse(text)
        && let Some(found) = instance.catalog.generation(&id).await?
    {
        return Ok(found);
    }
    let mut found: Vec<Generation> = all(instance).await?;
    found.retain(|generation| generation.id.as_str().starts_with(text));
    match (found.pop(), found.len()) {
        (Some(one), 0) => Ok(one),
        (Some(_), others) => bail!("{} generations begin with {text:?}: name more of it", others + 1),
        (None, _) => bail!("there is no generation {text:?}: `replay list` shows them"),
    }
}
