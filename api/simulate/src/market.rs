//! Who advertises what, and where it is shown.

use clicktrail_log::ad::Ad;

use super::dice::{Dice, mix, pick};

/// Integer weights: the first campaign, and in it the first ad, has so many shares.
const WEIGHT_FIRST: u64 = 1 << 40;
const CURRENCY: &str = "EUR";
const PLACEMENTS: [&str; 6] = ["top-banner", "sidebar-1", "sidebar-2", "in-feed", "interstitial", "footer"];

/// A publisher's site.
#[derive(Debug)]
pub(super) struct Publisher {
    pub(super) id: String,
    pub(super) page_prefix: String,
}

/// All ads with their sizes, and all publishers.
#[derive(Debug)]
pub(super) struct Market {
    pub(super) ads: Vec<Ad>,
    /// Sums of the weights up to and including each ad.
    weights: Vec<u64>,
    pub(super) publishers: Vec<Publisher>,
}

impl Market {
    /// Campaigns in order of size go to the advertisers in turn. A campaign's weight falls with its rank over all, an
    /// ad's with its rank in the campaign: Zipf's law with exponent 1 in both.
    pub(super) fn new(seed: u64, advertisers: u32, campaigns_each: u32, ads_each: u32, publishers: u32) -> Self {
        let (mut ads, mut weights, mut sum) = (Vec::new(), Vec::new(), 0);
        for rank in 0..advertisers * campaigns_each {
            let (advertiser, campaign) = (rank % advertisers + 1, rank / advertisers + 1);
            for ad in 1..=ads_each {
                let ad_id = format!("ad-{advertiser:03}-{campaign:02}-{ad}");
                let cents = 2 + pick(mix(seed ^ mix(u64::from(rank) << 8 | u64::from(ad))), 79);
                ads.push(Ad {
                    target_url: format!("https://shop-{advertiser:03}.example/landing/{campaign:02}?ad={ad_id}"),
                    ad_id,
                    advertiser_id: format!("advertiser-{advertiser:03}"),
                    campaign_id: format!("campaign-{advertiser:03}-{campaign:02}"),
                    price_micros: i64::from(cents) * 10_000,
                    currency: CURRENCY.to_owned(),
                });
                sum += WEIGHT_FIRST / (u64::from(rank + 1) * u64::from(ad));
                weights.push(sum);
            }
        }
        let publisher = |number: u32| Publisher {
            id: format!("publisher-{number:04}"),
            page_prefix: format!("https://www.news-{number:04}.example/stories/article-"),
        };
        Self { ads, weights, publishers: (1..=publishers).map(publisher).collect() }
    }

    /// An ad, big campaigns more often.
    pub(super) fn ad(&self, dice: &mut Dice) -> u32 {
        let sum = self.weights.last().copied().expect("a market has ads");
        let point = u64::try_from((u128::from(dice.bits()) * u128::from(sum)) >> 64).expect("a fraction of the sum");
        let index = self.weights.partition_point(|end| *end <= point);
        u32::try_from(index).expect("fewer than 2^32 ads")
    }

    /// A publisher, the first ones more often.
    pub(super) fn publisher(&self, dice: &mut Dice) -> u32 {
        dice.skewed(u32::try_from(self.publishers.len()).expect("fewer than 2^32 publishers"))
    }

    /// A slot on a page.
    pub(super) fn placement(bits: u64) -> &'static str {
        PLACEMENTS[pick(bits, 6) as usize]
    }
}
