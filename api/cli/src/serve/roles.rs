//! The roles of a process, watched: one that ends before its time ends the process, because what it did is done by
//! nobody, and whoever started the process starts it again.

#![expect(clippy::disallowed_methods, reason = "the process: it gives its parts a deadline to stop")]

use std::{
    any::Any,
    sync::{Arc, OnceLock},
    time::Duration,
};

use clicktrail_server::Ready;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

/// How long a role may take to finish its last step when the process stops.
pub(super) const STOP_TIMEOUT: Duration = Duration::from_secs(60);

/// What is told when a part of the process died. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Watch {
    ready: Ready,
    shutdown: CancellationToken,
    died: Arc<OnceLock<String>>,
}

impl Watch {
    /// A watch that blocks `ready` and cancels `shutdown` when a part dies.
    pub(super) fn new(ready: Ready, shutdown: CancellationToken) -> Self {
        Self { ready, shutdown, died: Arc::default() }
    }

    /// What died, and of what, if anything did.
    pub(super) fn died(&self) -> Option<&str> {
        self.died.get().map(String::as_str)
    }

    /// Runs `part` on a task of its own. Should it end before `stop` is cancelled, or panic, the process stops.
    pub(super) async fn over(
        self,
        name: &'static str,
        stop: CancellationToken,
        part: impl Future<Output = ()> + Send + 'static,
    ) {
        let why = match tokio::spawn(part).await {
            Ok(()) if stop.is_cancelled() => return,
            Ok(()) => "it ended before its time".to_owned(),
            Err(ended) => reason(ended),
        };
        error!(part = name, why, "a part of the process has died; the process stops, and must be started again");
        self.ready.block(name, why.clone());
        // The first is what a person should read; others may follow from it.
        let _ = self.died.set(format!("{name} has died: {why}"));
        self.shutdown.cancel();
    }
}

/// Why a task did not end by itself.
fn reason(ended: JoinError) -> String {
    match ended.try_into_panic() {
        Ok(panic) => format!("it panicked: {}", said(panic.as_ref())),
        Err(ended) => ended.to_string(),
    }
}

fn said(panic: &(dyn Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a word")
}

/// Roles that stop together.
#[derive(Debug)]
pub(super) struct Roles {
    watch: Watch,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Roles {
    /// None yet.
    pub(super) fn new(watch: Watch) -> Self {
        Self { watch, stop: CancellationToken::new(), tasks: JoinSet::new() }
    }

    /// Starts a role, which is given the token that stops it.
    pub(super) fn start<R>(&mut self, name: &'static str, role: impl FnOnce(CancellationToken) -> R)
    where
        R: Future<Output = ()> + Send + 'static,
    {
        let role = role(self.stop.clone());
        self.tasks.spawn(self.watch.clone().over(name, self.stop.clone(), role));
    }

    /// Lets them finish their last step.
    pub(super) async fn stop(mut self) {
        self.stop.cancel();
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_TIMEOUT, ended).await.is_err() {
            warn!("a role did not finish its last step in time; it is done again at the next start");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn after(role: impl Future<Output = ()> + Send + 'static) -> (Ready, CancellationToken, Watch) {
        let (ready, shutdown) = (Ready::default(), CancellationToken::new());
        let watch = Watch::new(ready.clone(), shutdown.clone());
        let mut roles = Roles::new(watch.clone());
        roles.start("judge", |_| role);
        while roles.tasks.join_next().await.is_some() {}
        (ready, shutdown, watch)
    }

    #[tokio::test]
    async fn a_role_that_panics_ends_the_process_with_its_last_words() {
        let (ready, shutdown, watch) = after(async { panic!("invariant I4 is broken") }).await;
        assert!(shutdown.is_cancelled());
        assert_eq!(watch.died(), Some("judge has died: it panicked: invariant I4 is broken"));
        assert_eq!(ready.reasons(), ["judge: it panicked: invariant I4 is broken"]);
    }

    #[tokio::test]
    async fn a_role_that_returns_before_its_time_ends_the_process() {
        let (_, shutdown, watch) = after(async {}).await;
        assert!(shutdown.is_cancelled());
        assert_eq!(watch.died(), Some("judge has died: it ended before its time"));
    }

    #[tokio::test]
    async fn a_role_that_is_stopped_is_not_dead() {
        let (ready, shutdown) = (Ready::default(), CancellationToken::new());
        let watch = Watch::new(ready.clone(), shutdown.clone());
        let mut roles = Roles::new(watch.clone());
        roles.start("judge", |stop| async move { stop.cancelled().await });
        roles.stop().await;
        assert_eq!((watch.died(), ready.reasons().len(), shutdown.is_cancelled()), (None, 0, false));
    }
}
