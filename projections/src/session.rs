//! The engine, with limits.

use std::sync::Arc;

use datafusion::{
    execution::{
        disk_manager::{DiskManagerBuilder, DiskManagerMode},
        memory_pool::FairSpillPool,
        runtime_env::RuntimeEnvBuilder,
    },
    prelude::{SessionConfig, SessionContext},
};

use crate::error::Error;

/// What one query may use.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of operator state; beyond it aggregations and sorts spill to the system's temporary directory.
    pub memory_bytes: usize,
    /// Threads that one query keeps busy.
    pub threads: usize,
}

impl Default for Limits {
    /// 512 MiB and as many threads as the machine has.
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Self { memory_bytes: 512 << 20, threads }
    }
}

/// A fresh session: no state is carried from one query to the next.
///
/// # Errors
/// If the engine's runtime cannot be built.
pub fn session(limits: Limits) -> Result<SessionContext, Error> {
    let disk = DiskManagerBuilder::default().with_mode(DiskManagerMode::OsTmpDirectory);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(limits.memory_bytes)))
        .with_disk_manager_builder(disk)
        .build_arc()?;
    let mut config = SessionConfig::new()
        .with_target_partitions(limits.threads)
        .with_batch_size(16_384)
        .with_information_schema(false)
        .with_collect_statistics(false);
    // Rulings are few next to clicks: always broadcast them, whatever the statistics say.
    let optimizer = &mut config.options_mut().optimizer;
    optimizer.hash_join_single_partition_threshold = 256 << 20;
    optimizer.hash_join_single_partition_threshold_rows = 4 << 20;
    Ok(SessionContext::new_with_config_rt(config, runtime))
}
