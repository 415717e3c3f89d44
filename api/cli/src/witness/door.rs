//! What a witness answers: it judges, signs, remembers, and only then gives away what it signed.

use std::sync::{Mutex, PoisonError};

use clicktrail_evidence::tlog::{
    Witness,
    witness::{Refusal, Seen, cosigned},
};
use clicktrail_log::time::{Clock as _, SystemClock};
use clicktrail_server::witness::{Answer, Answers};
use tracing::{error, info, warn};

use super::state::{Known, State};

/// What answers: the witness, and what it remembers.
#[derive(Debug)]
pub(super) struct Door {
    witness: Witness,
    state: Mutex<State>,
    clock: SystemClock,
}

impl Door {
    pub(super) fn new(witness: Witness, state: State) -> Self {
        Self { witness, state: Mutex::new(state), clock: SystemClock }
    }

    fn add(&self, body: &[u8]) -> Result<String, Answer> {
        // Held from the look to the answer: of two requests one is first.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = |origin: &str| state.get(origin).map(|known| Seen { size: known.size, root: known.root });
        let judged = self.witness.judge(body, seen).map_err(|refusal| refused(&refusal))?;
        let seconds = u64::try_from(self.clock.now().micros() / 1_000_000).unwrap_or_default();
        let answer = self.witness.sign(&judged, seconds);
        let note = cosigned(&judged.note, answer.as_bytes(), self.witness.verifier());
        let note = note.map_err(|reason| Answer::text(500, reason))?.to_string();
        let checkpoint = judged.checkpoint;
        let known = Known { size: checkpoint.size, root: checkpoint.root, note };
        state.remember(&checkpoint.origin, known).map_err(|cause| {
            error!(cause = %format!("{cause:#}"), "a checkpoint is not signed, because it cannot be remembered");
            Answer::text(503, "what was signed cannot be remembered".to_owned())
        })?;
        info!(origin = checkpoint.origin, size = checkpoint.size, "a checkpoint was signed");
        Ok(answer)
    }
}

fn refused(refusal: &Refusal) -> Answer {
    let stands =
        |size: &u64| Answer { status: refusal.status(), content_type: "text/x.tlog.size", body: format!("{size}\n") };
    match refusal {
        Refusal::Elsewhere(size) => return stands(size),
        Refusal::Forked(size) => {
            error!(%refusal, "a log showed another history");
            return stands(size);
        }
        Refusal::Inconsistent(_) => error!(%refusal, "a log showed another history, or a proof that is wrong"),
        Refusal::Malformed(_) | Refusal::NotSigned(_) | Refusal::UnknownLog(_) => {
            warn!(%refusal, "a request is refused")
        }
    }
    Answer::text(refusal.status(), format!("{refusal}\n"))
}

impl Answers for Door {
    fn add_checkpoint(&self, body: &[u8]) -> Answer {
        self.add(body).map_or_else(|refusal| refusal, |lines| Answer::text(200, lines))
    }

    fn checkpoint(&self, origin_hash: &str) -> Option<String> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.of_hash(origin_hash).map(|known| known.note.clone())
    }
}
