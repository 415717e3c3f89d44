//! For how long personal columns are kept, as flags, environment and file say.

use clicktrail_log::archive::retention::PERSONAL_MONTHS;

use crate::{config, global::Global};

/// How long.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Kept {
    /// Months before the current one for which personal columns are kept [default: `personal_months` of the
    /// configuration file, else 12]
    #[arg(long, env = "CLICKTRAIL_PERSONAL_MONTHS", value_name = "MONTHS")]
    personal_months: Option<u32>,
}

impl Kept {
    /// The months, if anybody said how many.
    pub(crate) fn said(self, global: &Global) -> anyhow::Result<Option<u32>> {
        Ok(self.personal_months.or(config::load(global.config.as_deref())?.personal_months))
    }

    /// The months, or as many as usual.
    pub(super) fn months(self, global: &Global) -> anyhow::Result<u32> {
        Ok(self.said(global)?.unwrap_or(PERSONAL_MONTHS))
    }
}
