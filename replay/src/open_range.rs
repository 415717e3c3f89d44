//! Counts the frames behind the last sealed hour beside the catalog: what a projector would have counted of them.

use std::{sync::Arc, time::Duration};

use clicktrail_catalog::HotPartial;
use clicktrail_log::{
    archive::Archive,
    log::{self, Log, ReadLimit},
    position::{Position, Seq},
    time::Hour,
};
use clicktrail_projections::counters;
use clicktrail_verdicts::{reader::VerdictReader, rulings::Stages};

use crate::{error::Error, reader::Reader};

/// The counts of all frames behind an hour that were counted so far, in order.
#[derive(Debug)]
pub(crate) struct OpenRange {
    reader: Reader,
    partials: Vec<HotPartial>,
}

impl OpenRange {
    /// Behind the sealed hour `last`; at the beginning of the log if there is none.
    pub(crate) async fn behind(clicks: &Arc<dyn Log>, archive: &Archive, last: Option<Hour>) -> Result<Self, Error> {
        Ok(Self { reader: Reader::behind_hour(clicks, archive, last).await?, partials: Vec::new() })
    }

    /// Counts the frames up to `through`, which the judge has passed, with its live verdicts.
    pub(crate) async fn count(
        &mut self,
        clicks: &Arc<dyn Log>,
        history: &VerdictReader,
        through: Seq,
    ) -> Result<(), Error> {
        let reader = &mut self.reader;
        while reader.next() <= through {
            let mut frames = clicks.read(reader.next(), ReadLimit::waiting(Duration::ZERO)).await?;
            frames.retain(|frame| frame.seq <= through);
            let Some(hour) = frames.first().map(|first| reader.hour_of(first)) else {
                let reason = format!("frame {} is not there, though frame {through} was judged", reader.next());
                return Err(log::Error::Unavailable(reason).into());
            };
            let count = frames.iter().take_while(|frame| reader.hour_of(frame) == hour).count();
            let first_seq = reader.next();
            let rows = reader.admit(&frames[..count])?;
            let last_seq = reader.through();
            let last_frame = frames[count - 1].frame.header.digest();
            let frame = |seq: Seq| Position::new(reader.epoch(), seq, 0);
            let targets = frame(first_seq)..frame(last_seq.next());
            let rulings = history.rulings(targets, history.end().await?, Stages::LiveOnly).await?.to_batch();
            let counts = counters::project_frames(&rows, &[rulings]).await?;
            let payload = counters::hot::encode(&counts)?;
            self.partials.push(HotPartial { hour, first_seq, last_seq, last_frame: Some(last_frame), payload });
        }
        Ok(())
    }

    /// What was counted so far.
    pub(crate) fn partials(&self) -> &[HotPartial] {
        &self.partials
    }
}
