//! How long SQL that a person wrote may run: its memory is limited by the engine, its time here.

#![expect(clippy::disallowed_methods, reason = "when to give up is said on the command line")]

use std::time::Duration;

use anyhow::bail;

#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Patience {
    /// Stop the SQL when it has run for so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..))]
    time_limit: u64,
}

impl Patience {
    /// Waits for an answer. Whoever gives up stops the question, and nothing was changed.
    pub(crate) async fn wait<T, E>(self, answer: impl Future<Output = Result<T, E>>) -> anyhow::Result<T>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        match tokio::time::timeout(Duration::from_secs(self.time_limit), answer).await {
            Ok(answer) => Ok(answer?),
            Err(_) => bail!(
                "the SQL ran for {} seconds and was stopped; nothing was changed: join tables ON their positions, ask \
                 about fewer hours, or wait longer with --time-limit",
                self.time_limit
            ),
        }
    }
}
