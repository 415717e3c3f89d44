//! The code that segments were made by: one that is at hand (this program's own, or what a directory defines now), and
//! what generations keep as text.

use std::collections::BTreeMap;

use clicktrail_catalog::Catalog;
use clicktrail_projections::Projection;

use crate::error::Error;

/// Generations that are listed at a time.
const PAGE: u32 = 200;
const _: () = assert!(PAGE > 0, "an empty page would end the list");

/// Projections by the digest of their code.
#[derive(Debug, Clone)]
pub struct Codes {
    own: Projection,
    known: BTreeMap<String, Projection>,
}

impl Codes {
    /// The code of a projection that is at hand, alone.
    pub fn own(own: Projection) -> Self {
        Self { known: BTreeMap::from([(own.code_digest().to_string(), own.clone())]), own }
    }

    /// And every other that a generation of the catalog keeps. One that the lint refuses today is not known.
    ///
    /// # Errors
    /// As the catalog reports.
    pub async fn read(own: Projection, catalog: &dyn Catalog) -> Result<Self, Error> {
        let mut codes = Self::own(own);
        let mut after = None;
        loop {
            let page = catalog.list_generations(after.as_ref().map(|(at, id)| (*at, id)), PAGE).await?;
            let Some(last) = page.last() else { return Ok(codes) };
            after = Some((last.created_at, last.id.clone()));
            for generation in page.iter().filter(|generation| !generation.sql.is_empty()) {
                if generation.projection == codes.own.name() && !codes.known.contains_key(&generation.code_digest) {
                    codes.add(&generation.sql).await;
                }
            }
        }
    }

    async fn add(&mut self, sql: &str) {
        if let Ok(kept) = Projection::from_text(self.own.name(), sql).await {
            self.known.insert(kept.code_digest().to_string(), kept);
        }
    }

    /// The one at hand.
    pub fn of_program(&self) -> &Projection {
        &self.own
    }

    /// The code of a digest.
    pub fn get(&self, digest: &str) -> Option<&Projection> {
        self.known.get(digest)
    }
}
