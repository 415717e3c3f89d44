//! `clicktrail ads add|import|list`

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use clicktrail_capture as capture;
use clicktrail_catalog::Ad;
use serde::Deserialize;
use serde_json::json;

use crate::{
    config,
    exit::Exit,
    global::{Format, Global},
    installation::Installation,
    output,
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Register an ad, or change it
    Add(AdArguments),
    /// Register the ads of a CSV file with the columns ad_id, advertiser_id, campaign_id, target_url, price, currency
    Import {
        /// The CSV file, with a header line
        file: PathBuf,
    },
    /// List registered ads
    List,
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
    let ads = match command {
        Command::List => return list(global).await,
        Command::Add(ad) => vec![ad.check()?],
        Command::Import { file } => read(&file)?,
    };
    let instance = global.open().await?;
    let changed = put(&instance, &ads).await?;
    match global.output {
        Format::Json => output::json(&json!({"read": ads.len(), "changed": changed})),
        Format::Table => output::line(&format!("{} read, {changed} new or changed", output::count(ads.len(), "ad"))),
    }
    Ok(Exit::Ok)
}

async fn put(instance: &Installation, ads: &[Ad]) -> anyhow::Result<u64> {
    let actor = config::actor();
    Ok(instance.catalog.put_ads(ads, &actor, instance.clock.now()).await?)
}

fn read(file: &std::path::Path) -> anyhow::Result<Vec<Ad>> {
    let mut reader = csv::Reader::from_path(file).with_context(|| format!("read {}", file.display()))?;
    let mut ads = Vec::new();
    for (row, ad) in reader.deserialize::<AdArguments>().enumerate() {
        let place = || format!("{}, line {}", file.display(), row + 2);
        ads.push(ad.with_context(place)?.check().with_context(place)?);
    }
    Ok(ads)
}

async fn list(global: &Global) -> anyhow::Result<Exit> {
    let instance = global.open_existing().await?;
    let mut ads: Vec<Ad> = Vec::new();
    loop {
        let after = ads.last().map_or("", |ad| ad.ad_id.as_str()).to_owned();
        let page = instance.catalog.list_ads(&after, 1_000).await?;
        if page.is_empty() {
            break;
        }
        ads.extend(page);
    }
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
                })
            });
            output::json(&ads.collect());
        }
        Format::Table => {
            let mut table = output::Table::new(&["ad", "advertiser", "campaign", "price", "currency", "target"]);
            for ad in ads {
                let price = output::amount(ad.price_micros);
                table.push(vec![ad.ad_id, ad.advertiser_id, ad.campaign_id, price, ad.currency, ad.target_url]);
            }
            table.print();
        }
    }
    Ok(Exit::Ok)
}
