//! How fast hours were built here before, so that a plan can say how long it takes.

use clicktrail_catalog::{
    Catalog,
    generations::{GenerationId, Unit, UnitState},
};
use clicktrail_log::time::Hour;

use crate::error::Error;

/// So many generations are looked at, the newest first.
const GENERATIONS_MAX: u32 = 5;
/// So many units of each.
const UNITS_MAX: u32 = 2_000;
/// Fewer events say nothing about speed.
const ROWS_MIN: u64 = 1_000;

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Events.
    pub rows: u64,
    /// Time that workers took for them, added up.
    pub micros: u64,
}

impl Rate {
    /// How many seconds so many events take if `parallel` hours are built at a time.
    pub fn seconds(&self, rows: u64, parallel: usize) -> u64 {
        let micros = u128::from(rows) * u128::from(self.micros) / u128::from(self.rows.max(1));
        let seconds = micros.div_ceil(1_000_000 * (parallel.max(1) as u128));
        u64::try_from(seconds).unwrap_or(u64::MAX)
    }
}

/// The rate of the last generation of which enough was computed by workers that `is_here` admits.
///
/// # Errors
/// As the catalog reports.
pub async fn measured(catalog: &dyn Catalog, is_here: &(dyn Fn(&str) -> bool + Sync)) -> Result<Option<Rate>, Error> {
    for generation in catalog.list_generations(None, GENERATIONS_MAX).await? {
        if let Some(rate) = of_generation(catalog, &generation.id, is_here).await? {
            return Ok(Some(rate));
        }
    }
    Ok(None)
}

async fn of_generation(
    catalog: &dyn Catalog,
    id: &GenerationId,
    is_here: &(dyn Fn(&str) -> bool + Sync),
) -> Result<Option<Rate>, Error> {
    let units = catalog.units(id, Hour::from_i64(i64::MIN / 2), UNITS_MAX).await?;
    Ok(of_units(units.iter().filter(|unit| is_here(&unit.worker))))
}

fn of_units<'u>(units: impl Iterator<Item = &'u Unit>) -> Option<Rate> {
    let computed =
        |unit: &&Unit| unit.state == UnitState::Done && unit.output.as_ref().is_some_and(|output| !output.is_reused);
    let rate = units.filter(computed).fold(Rate { rows: 0, micros: 0 }, |rate, unit| {
        let took = unit.ended_at.micros().saturating_sub(unit.begun_at.micros());
        Rate { rows: rate.rows + unit.rows, micros: rate.micros + u64::try_from(took).unwrap_or(0) }
    });
    (rate.rows >= ROWS_MIN && rate.micros > 0).then_some(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimate_rounds_up_and_shares_among_hours_at_a_time() {
        let rate = Rate { rows: 1_000_000, micros: 2_000_000 };
        assert_eq!(rate.seconds(3_000_000, 1), 6);
        assert_eq!(rate.seconds(3_000_000, 4), 2);
        assert_eq!(rate.seconds(0, 2), 0);
        assert_eq!(Rate { rows: 1, micros: u64::MAX }.seconds(u64::MAX, 1), u64::MAX);
    }
}
