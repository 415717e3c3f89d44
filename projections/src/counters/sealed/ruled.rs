//! What was ruled about the rows of an hour, by their position.

use datafusion::{
    arrow::{
        array::{AsArray as _, RecordBatch},
        compute::cast,
        datatypes::{DataType, Int64Type},
    },
    common::HashMap,
};

use crate::error::Error;

/// The rulings of an hour.
#[derive(Debug, Default)]
pub(super) struct Ruled {
    categories: Vec<String>,
    /// The place of the category, from 1.
    by_position: HashMap<i64, u32>,
}

impl Ruled {
    /// Takes rows of [`rulings_schema`](crate::counters::rulings_schema) columns.
    ///
    /// # Errors
    /// [`Error::Refused`] if there are two about one position: rows would count twice.
    pub(super) fn new(rows: &[RecordBatch]) -> Result<Self, Error> {
        let mut ruled = Self::default();
        for batch in rows {
            let batch = batch.project(&[batch.schema().index_of("position")?, batch.schema().index_of("category")?])?;
            let categories = cast(batch.column(1), &DataType::Utf8)?;
            let positions = batch.column(0).as_primitive::<Int64Type>().values();
            for (position, category) in positions.iter().zip(categories.as_string::<i32>()) {
                let category = category.map_or(0, |category| ruled.number(category));
                if ruled.by_position.insert(*position, category).is_some() {
                    return Err(Error::Refused(format!("there are two rulings about position {position}")));
                }
            }
        }
        Ok(ruled)
    }

    fn number(&mut self, category: &str) -> u32 {
        let known = self.categories.iter().position(|known| known == category);
        let place = known.unwrap_or_else(|| {
            self.categories.push(category.to_owned());
            self.categories.len() - 1
        });
        u32::try_from(place + 1).expect("rulings have fewer categories than 2^32")
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_position.is_empty()
    }

    /// Of the row at a position: 0 for none.
    pub(super) fn category_of(&self, position: i64) -> u32 {
        self.by_position.get(&position).copied().unwrap_or(0)
    }

    /// None, and then the others in the order of their numbers.
    pub(super) fn categories(&self) -> impl Iterator<Item = Option<&str>> {
        [None].into_iter().chain(self.categories.iter().map(|category| Some(category.as_str())))
    }
}
