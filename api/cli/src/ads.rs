//! `clicktrail ads add|import|list|pause|resume|history`

use std::{collections::BTreeSet, path::PathBuf};

use anyhow::{Context as _, bail, ensure};
use clicktrail_capture as capture;
use clicktrail_catalog::{Ad, Pause, Paused};
use serde::Deserialize;
use serde_json::json;

use crate::{
    exit::Exit,
    global::{Format, Global},
    installation::Installation,
    output,
};

mod history;

/// Pauses read from the catalog at a time.
const PAGE_PAUSES: u32 = 1_000;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Register an ad, or change it
    Add {
        #[command(flatten)]
        ad: AdArguments,
        #[command(flatten)]
        who: Who,
    },
    /// Register the ads of a CSV file with the columns ad_id, advertiser_id, campaign_id, target_url, price, currency
    Import {
        /// The CSV file, with a header line
        file: PathBuf,
        #[command(flatten)]
        who: Who,
    },
    /// List registered ads
    List,
    /// Bill nobody for clicks on these ads from now on
    ///
    /// Visitors still get to the shop. Their clicks are kept as rejected events (ad_paused), which are never counted.
    /// Clicks of before the pause are billed, also those that are reported later.
    Pause(Ids),
    /// Bill for clicks on these ads again from now on
    Resume(Ids),
    /// List what was changed about an ad, by whom and when: price, owner, campaign, target, pauses
    History {
        /// Id of the ad
        ad_id: String,
    },
}

/// Which ads.
#[derive(Debug, clap::Args)]
pub(super) struct Ids {
    /// Ids of the ads
    #[arg(required = true, value_name = "AD_ID")]
    ad_ids: Vec<String>,
    #[command(flatten)]
    who: Who,
}

/// Who does it.
#[derive(Debug, clap::Args)]
pub(crate) struct Who {
    /// Who decides; kept with the change [default: `actor` of the configuration file, else the user]
    #[arg(long, env = "CLICKTRAIL_ACTOR", value_name = "NAME")]
    pub(crate) actor: Option<String>,
}

/// An ad as a person writes it.
#[derive(Debug, clap::Args, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AdArguments {
    /// Id of the ad, as in the URL /c/AD_ID
    ad_id: String,
    /// Who pays
    #[arg(long = "advertiser")]
    advertiser_id: String,
    /// The campaign it belongs to
    #[arg(long = "campaign")]
    campaign_id: String,
    /// Where a click leads: an http or https URL
    #[arg(long = "target")]
    target_url: String,
    /// What a click costs, as a decimal: 0.25
    #[arg(long)]
    price: String,
    /// Currency of the price, as an ISO 4217 code: EUR
    #[arg(long)]
    currency: String,
}

impl AdArguments {
    fn check(self) -> anyhow::Result<Ad> {
        for (name, id) in [("ad", &self.ad_id), ("advertiser", &self.advertiser_id), ("campaign", &self.campaign_id)] {
            let length = id.chars().count();
            ensure!(
                (1..=128).contains(&length) && !id.chars().any(char::is_control),
                "{name} id {id:?} must have 1 to 128 characters, none of them a control character"
            );
        }
        let url = reqwest::Url::parse(&self.target_url).with_context(|| format!("target {:?}", self.target_url))?;
        ensure!(matches!(url.scheme(), "http" | "https"), "target {:?} is not an http or https URL", self.target_url);
        let price = capture::amount::micros_of_decimal(&self.price);
        let price_micros = price.map_err(|reason| anyhow::anyhow!("price {:?} {reason}", self.price))?;
        ensure!(price_micros >= 0, "price {:?} is negative", self.price);
        ensure!(capture::currency::is_active(&self.currency), "{:?} is not an ISO 4217 currency", self.currency);
        Ok(Ad {
            ad_id: self.ad_id,
            advertiser_id: self.advertiser_id,
            campaign_id: self.campaign_id,
            target_url: self.target_url,
            price_micros,
            currency: self.currency,
        })
    }
}

pub(super) async fn run(global: &Global, command: Command) -> anyhow::Result<Exit> {
    let (ads, who) = match command {
        Command::List => return list(global).await,
        Command::Pause(ids) => return pause(global, ids, true).await,
        Command::Resume(ids) => return pause(global, ids, false).await,
        Command::History { ad_id } => return Box::pin(history::run(global, &ad_id)).await,
        Command::Add { ad, who } => (vec![ad.check()?], who),
        Command::Import { file, who } => (read(&file)?, who),
    };
    let actor = global.actor(who.actor)?;
    let instance = global.open().await?;
    let changed = instance.catalog.put_ads(&ads, &actor, instance.clock.now()).await?;
    match global.output {
        Format::Json => output::json(&json!({"read": ads.len(), "changed": changed})),
        Format::Table => output::line(&format!("{} read, {changed} new or changed", output::count(ads.len(), "ad"))),
    }
    Ok(Exit::Ok)
}

async fn pause(global: &Global, ids: Ids, pause: bool) -> anyhow::Result<Exit> {
    let actor = global.actor(ids.who.actor)?;
    let instance = global.open_existing().await?;
    let verb = if pause { "paused" } else { "resumed" };
    let changed = match instance.catalog.pause_ads(&ids.ad_ids, pause, &actor, instance.clock.now()).await? {
        Paused::Done(changed) => changed,
        Paused::Unknown(unknown) => bail!("no ad was {verb}, because these are not registered: {}", unknown.join(", ")),
    };
    match global.output {
        Format::Json => output::json(&json!({"read": ids.ad_ids.len(), "changed": changed})),
        Format::Table => output::line(&format!("{} read, {changed} {verb}", output::count(ids.ad_ids.len(), "ad"))),
    }
    Ok(Exit::Ok)
}

/// Reads a CSV file; what is wrong in it is named with its line.
pub(crate) fn read(file: &std::path::Path) -> anyhow::Result<Vec<Ad>> {
    let mut reader = csv::Reader::from_path(file).with_context(|| format!("read {}", file.display()))?;
    let place = |line: u64| format!("{}, line {line}", file.display());
    let header = reader.headers().with_context(|| place(1))?.clone();
    let (mut ads, mut row) = (Vec::new(), csv::StringRecord::new());
    loop {
        // A row may have several lines, so its line is not its number.
        let line = reader.position().line();
        if !reader.read_record(&mut row).with_context(|| place(line))? {
            return Ok(ads);
        }
        let line = row.position().map_or(line, csv::Position::line);
        let ad: AdArguments = row.deserialize(Some(&header)).with_context(|| place(line))?;
        ads.push(ad.check().with_context(|| place(line))?);
    }
}

async fn list(global: &Global) -> anyhow::Result<Exit> {
    let instance = global.open_reading().await?;
    let mut ads: Vec<Ad> = Vec::new();
    loop {
        let after = ads.last().map_or("", |ad| ad.ad_id.as_str()).to_owned();
        let page = instance.catalog.list_ads(&after, 1_000).await?;
        if page.is_empty() {
            break;
        }
        ads.extend(page);
    }
    for lost in instance.catalog.lost().await? {
        output::note(&lost);
    }
    let paused = paused_ads(&instance).await?;
    let status = |ad: &Ad| if paused.contains(&ad.ad_id) { "paused" } else { "active" };
    match global.output {
        Format::Json => {
            let ads = ads.iter().map(|ad| {
                json!({
                    "ad_id": ad.ad_id,
                    "advertiser_id": ad.advertiser_id,
                    "campaign_id": ad.campaign_id,
                    "target_url": ad.target_url,
                    "price_micros": ad.price_micros,
                    "currency": ad.currency,
                    "status": status(ad),
                })
            });
            output::json(&ads.collect());
        }
        Format::Table => {
            let columns = ["ad", "advertiser", "campaign", "price", "currency", "target", "status"];
            // Nobody needs a column that says the same everywhere.
            let shown = if paused.is_empty() { columns.len() - 1 } else { columns.len() };
            let mut table = output::Table::new(&columns[..shown]);
            for ad in ads {
                let (price, status) = (output::amount(ad.price_micros), status(&ad).to_owned());
                let mut row =
                    vec![ad.ad_id, ad.advertiser_id, ad.campaign_id, price, ad.currency, ad.target_url, status];
                row.truncate(shown);
                table.push(row);
            }
            table.print();
        }
    }
    Ok(Exit::Ok)
}

/// The ads that are paused now.
async fn paused_ads(instance: &Installation) -> anyhow::Result<BTreeSet<String>> {
    let mut pauses: Vec<Pause> = Vec::new();
    loop {
        let page = instance.catalog.list_pauses(pauses.last(), PAGE_PAUSES).await?;
        if page.is_empty() {
            return Ok(pauses.into_iter().filter(|pause| pause.until.is_none()).map(|pause| pause.ad_id).collect());
        }
        pauses.extend(page);
    }
}
