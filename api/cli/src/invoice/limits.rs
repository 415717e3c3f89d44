//! From when on something about a draft is odd, as people say it.

use clicktrail_billing::review::odd::Limits;
use clicktrail_replay::gates::Permille;

/// What commands take that hold drafts against limits.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct Arguments {
    /// Stop at a total that changed by more than this against the last period; `any`: never
    #[arg(long, default_value = "50%", value_name = "PERCENT", value_parser = percentage)]
    max_change: Limit,
    /// Stop at an average price that changed by more than this against the last period; `any`: never
    #[arg(long, default_value = "20%", value_name = "PERCENT", value_parser = percentage)]
    max_price_change: Limit,
    /// Stop at more invalid clicks than this share of all; `any`: never
    #[arg(long, default_value = "30%", value_name = "PERCENT", value_parser = percentage)]
    max_invalid_share: Limit,
}

/// `None`: there is none.
#[derive(Debug, Clone, Copy)]
struct Limit(Option<Permille>);

fn percentage(text: &str) -> Result<Limit, String> {
    match text {
        "any" => Ok(Limit(None)),
        _ => Permille::parse(text).map(|part| Limit(Some(part))).ok_or_else(|| "write it as 5% or 2.5%".to_owned()),
    }
}

impl Arguments {
    /// As a review takes them.
    pub(super) fn limits(self) -> Limits {
        Limits { change: self.max_change.0, price: self.max_price_change.0, invalid_share: self.max_invalid_share.0 }
    }
}
