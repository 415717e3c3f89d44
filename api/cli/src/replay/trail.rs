//! Who ran a command about builds, why, and how it ended: a row of the audit trail.

use clicktrail_catalog::{AuditResult, generations::Generation};

use crate::{ads::Who, audit, exit::Exit, global::Global, installation::Installation};

/// Who says it, and why.
#[derive(Debug, clap::Args)]
pub(crate) struct Said {
    /// Why, for the audit trail
    #[arg(long, default_value = "", hide_default_value = true, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    who: Who,
}

impl Said {
    /// Who it is.
    pub(crate) fn by(self, global: &Global) -> anyhow::Result<By> {
        Ok(By { actor: global.actor(self.who.actor)?, reason: self.reason })
    }
}

/// Who runs a command, and why.
#[derive(Debug)]
pub(crate) struct By {
    pub(super) actor: String,
    reason: String,
}

impl By {
    /// Who it is.
    pub(crate) fn actor(&self) -> &str {
        &self.actor
    }

    /// Whether somebody said why.
    pub(crate) fn has_reason(&self) -> bool {
        !self.reason.trim().is_empty()
    }

    /// Whether what goes into the trail repeats a text.
    pub(crate) fn says(&self, text: &str) -> bool {
        self.reason.contains(text) || self.actor.contains(text)
    }

    /// Writes down how a command ended.
    pub(crate) async fn write(
        &self,
        instance: &Installation,
        action: &str,
        exit: Exit,
        detail: String,
    ) -> anyhow::Result<()> {
        let By { actor, reason } = self;
        audit::write_ended(instance, (actor, action, reason), result(exit), detail).await
    }

    /// The same of what was done with a generation.
    pub(super) async fn write_of(
        &self,
        instance: &Installation,
        action: &str,
        exit: Exit,
        generation: &Generation,
    ) -> anyhow::Result<()> {
        let Generation { id, projection, from, to_inclusive, .. } = generation;
        let now = instance.catalog.generation(id).await?;
        let state = now.map_or("gone", |now| now.state.as_str());
        let detail = format!("generation {id} of {projection}, {from} to {to_inclusive}: {state}");
        self.write(instance, action, exit, detail).await
    }
}

/// What the trail says of an exit code.
const fn result(exit: Exit) -> AuditResult {
    match exit {
        Exit::Ok => AuditResult::Done,
        Exit::GateRefused => AuditResult::Refused,
        Exit::Failed | Exit::Differences | Exit::InputIncomplete | Exit::Partial | Exit::Unverified(_) => {
            AuditResult::Failed
        }
    }
}
