//! The `clicktrail` binary.

use std::process::ExitCode;

/// glibc's per-thread arenas keep most of what sealing an hour freed, so that resident memory grew with the number of
/// hours.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    Box::pin(clicktrail_cli::main()).await
}
