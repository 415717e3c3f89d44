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
    with(limits, DiskManagerBuilder::default(), configuration(limits))
}

/// Bytes that a question may put aside on disk.
const ASIDE_BYTES_MAX: u64 = 16 << 30;
/// Functions that make something of any size of a number, at once and outside of every limit.
const FUNCTIONS_OUT: [&str; 7] = ["repeat", "lpad", "rpad", "range", "generate_series", "array_repeat", "array_resize"];
/// Tables of as many rows as a number says.
const TABLES_OUT: [&str; 2] = ["range", "generate_series"];

/// A fresh session for SQL that anybody wrote: without what goes on for ever, or is large whatever it is made of.
///
/// # Errors
/// As [`session`].
pub(crate) fn for_questions(limits: Limits) -> Result<SessionContext, Error> {
    let disk = DiskManagerBuilder::default().with_max_temp_directory_size(ASIDE_BYTES_MAX);
    let mut config = configuration(limits);
    config.options_mut().execution.enable_recursive_ctes = false;
    let session = with(limits, disk, config)?;
    FUNCTIONS_OUT.iter().for_each(|name| session.deregister_udf(name));
    TABLES_OUT.iter().for_each(|name| session.deregister_udtf(name));
    Ok(session)
}

fn with(limits: Limits, disk: DiskManagerBuilder, config: SessionConfig) -> Result<SessionContext, Error> {
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(limits.memory_bytes)))
        .with_disk_manager_builder(disk.with_mode(DiskManagerMode::OsTmpDirectory))
        .build_arc()?;
    Ok(SessionContext::new_with_config_rt(config, runtime))
}

fn configuration(limits: Limits) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_target_partitions(limits.threads)
        .with_batch_size(16_384)
        .with_information_schema(false)
        .with_collect_statistics(false);
    // Rulings are few next to clicks: always broadcast them, whatever the statistics say.
    let optimizer = &mut config.options_mut().optimizer;
    optimizer.hash_join_single_partition_threshold = 256 << 20;
    optimizer.hash_join_single_partition_threshold_rows = 4 << 20;
    config
}
