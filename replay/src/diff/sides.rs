//! Which two sides a question about a generation compares.

use std::collections::{BTreeMap, BTreeSet};

use clicktrail_catalog::{
    Catalog,
    generations::{Generation, LivePointer},
};
use clicktrail_log::time::Hour;

use crate::{diff::answer::Sides, error::Error, gates};

/// What a generation is held against.
#[derive(Debug, Clone)]
pub enum Against {
    /// What counted when it was planned.
    Planned,
    /// What counts now.
    Live,
    /// What another generation would count from.
    Other(Box<Generation>),
}

/// Both sides of every hour of a generation, by hour.
///
/// # Errors
/// [`Error::Incomplete`] naming the first hour that is not built yet on a side; as the catalog reports.
pub async fn sides(catalog: &dyn Catalog, generation: &Generation, against: &Against) -> Result<Vec<Sides>, Error> {
    let units = gates::units(catalog, generation).await?;
    let after = built(generation, &units)?;
    let before: BTreeMap<Hour, LivePointer> = match against {
        Against::Planned => units.into_iter().filter_map(|unit| Some((unit.hour, unit.base?))).collect(),
        Against::Live => {
            let (from, to) = (generation.from, generation.to_inclusive);
            let live = catalog.live_pointers(&generation.projection, from, to).await?;
            live.into_iter()
                .map(|pointer| (pointer.hour, pointer))
                .filter(|(hour, _)| after.contains_key(hour))
                .collect()
        }
        Against::Other(other) => built(other, &gates::units(catalog, other).await?)?,
    };
    let hours: BTreeSet<Hour> = before.keys().chain(after.keys()).copied().collect();
    let side = |hour| Sides { hour, before: before.get(&hour).cloned(), after: after.get(&hour).cloned() };
    Ok(hours.into_iter().map(side).collect())
}

fn built(
    generation: &Generation,
    units: &[clicktrail_catalog::generations::Unit],
) -> Result<BTreeMap<Hour, LivePointer>, Error> {
    let pointer = |unit: &clicktrail_catalog::generations::Unit| {
        let waiting = || Error::Incomplete(format!("{} of generation {} is not built yet", unit.hour, generation.id));
        Ok((unit.hour, gates::pointer(generation, unit).ok_or_else(waiting)?))
    };
    units.iter().map(pointer).collect()
}
