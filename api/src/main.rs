//! The `clicktrail` binary.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    Box::pin(clicktrail_api::cli::main()).await
}
