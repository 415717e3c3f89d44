//! The handle as a [`Log`]: each operation checks first that the broker still has what it acknowledged.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;

use crate::{
    frame::Frame,
    jetstream::handle::JetStreamLog,
    log::{Appended, Condition, Durability, Error, Info, Log, Logged, ReadLimit, check_begins},
    position::{Epoch, Seq},
    time::Timestamp,
};

/// What the broker says of a purge.
#[derive(Deserialize)]
struct Purged {
    #[serde(rename = "purged")]
    _frames: u64,
}

impl JetStreamLog {
    async fn append_on(&self, frame: &Frame, condition: Option<Condition>) -> Result<Appended, Error> {
        self.check_intact()?;
        let appended = self.publish(frame, condition).await?;
        if appended.duplicate {
            self.check_duplicate(frame, appended.seq).await?;
        }
        Ok(appended)
    }
}

#[async_trait]
impl Log for JetStreamLog {
    async fn append(&self, frame: &Frame) -> Result<Appended, Error> {
        self.append_on(frame, None).await
    }

    async fn append_if(&self, frame: &Frame, condition: Condition) -> Result<Appended, Error> {
        self.append_on(frame, Some(condition)).await
    }

    async fn read(&self, from: Seq, limit: ReadLimit) -> Result<Vec<Logged>, Error> {
        self.check_intact()?;
        self.read_frames(from, limit).await
    }

    async fn info(&self) -> Result<Info, Error> {
        self.range().await
    }

    async fn trim(&self, first_kept: Seq) -> Result<(), Error> {
        let info = self.range().await?;
        if first_kept > info.last.next() {
            return Err(Error::Gap { expected: first_kept.previous(), found: None, last: info.last });
        }
        if first_kept <= info.first {
            return Ok(());
        }
        let call = format!("STREAM.PURGE.{}", self.name);
        let _: Purged = self.link.api(&call, &json!({ "seq": first_kept.get() })).await?;
        Ok(())
    }

    async fn begin_epoch(&self, epoch: Epoch, first: Seq) -> Result<(), Error> {
        check_begins(&self.range().await?, epoch, first)?;
        self.write_epoch(epoch).await?;
        // Beyond its end: the broker then goes on there.
        let call = format!("STREAM.PURGE.{}", self.name);
        let _: Purged = self.link.api(&call, &json!({ "seq": first.get() })).await?;
        let found = self.stream_info().await?.state;
        let (is_empty, next) = (found.messages == 0, found.last_sequence + 1);
        if !is_empty || next != first.get() {
            return Err(Error::Fatal(format!("the broker goes on with frame {next} and not with frame {first}")));
        }
        Ok(())
    }

    async fn now(&self) -> Result<Option<Timestamp>, Error> {
        #[derive(Deserialize)]
        struct Answered {
            /// When the broker answered. One before version 2.10 does not say.
            ts: Option<String>,
        }
        let answered: Answered = self.link.api(&format!("STREAM.INFO.{}", self.name), &json!({})).await?;
        Ok(answered.ts.as_deref().and_then(Timestamp::parse_rfc3339))
    }

    async fn durability(&self) -> Result<Durability, Error> {
        self.find_durability().await
    }
}
