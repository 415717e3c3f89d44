//! A log whose readers share what they decoded: the suite, with all handles of a process on the same frames, and with
//! room for hardly any.

use std::sync::Arc;

use async_trait::async_trait;
use clicktrail_log::{
    log::Log,
    recent::{self, Recent, RecentLog},
};

use crate::{
    bed::{Bed, conform},
    embedded::Embedded,
};

struct Shared {
    log: Embedded,
    bytes_max: usize,
    recent: Arc<Recent>,
}

impl Shared {
    fn new(bytes_max: usize) -> Self {
        Self { log: Embedded::new(), bytes_max, recent: Arc::new(Recent::new(bytes_max)) }
    }
}

#[async_trait]
impl Bed for Shared {
    async fn open(&self) -> Box<dyn Log> {
        Box::new(RecentLog::new(Arc::from(self.log.open().await), Arc::clone(&self.recent)))
    }

    async fn crash(&mut self) {
        self.log.crash().await;
        self.recent = Arc::new(Recent::new(self.bytes_max));
    }
}

mod with_room {
    use super::*;

    conform!(Shared::new(recent::BYTES_MAX));
}

mod with_little_room {
    use super::*;

    conform!(Shared::new(100_000));
}
