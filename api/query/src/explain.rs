//! Everything about one event: what it is, where it is stored, every verdict on it, and which of them stands.

use clicktrail_log::{
    archive::locate::{self, Located},
    position::Position,
};
use clicktrail_verdicts::{
    reader::Ruled,
    ruling,
    verdict::{Category, Decision},
};

use crate::{error::Error, service::Service};

/// One event, explained.
#[derive(Debug)]
pub struct Explained {
    /// The event, and where it is stored.
    pub located: Located,
    /// Every verdict on it, in the order of the verdict log.
    pub verdicts: Vec<Ruled>,
    /// What stands; `None` if nothing was ever ruled.
    pub ruling: Option<(Decision, Option<Category>)>,
}

impl Service {
    /// Explains the event at a position; `None` if there is none.
    ///
    /// # Errors
    /// As logs and archive report.
    pub async fn explain(&self, position: Position) -> Result<Option<Explained>, Error> {
        let Some(located) = locate::locate(self.clicks.as_ref(), &self.archive, position).await? else {
            return Ok(None);
        };
        let end = self.history.end().await?;
        let verdicts = self.history.about(position..position.plus_rows(1), end).await?;
        let standing = ruling::standing(verdicts.iter().map(|ruled| (ruled.position, &ruled.verdict)));
        let ruling = standing.map(|verdict| (verdict.decision, verdict.category));
        Ok(Some(Explained { located, verdicts, ruling }))
    }
}
