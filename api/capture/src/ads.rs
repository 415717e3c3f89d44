//! A snapshot of the ad registry: what look-ups while capturing go to, without a database in the way.

use std::collections::HashMap;

use clicktrail_log::{
    ad::{Ad, Pause},
    time::Timestamp,
};

/// Registered ads by id, and when which of them were paused.
#[derive(Debug, Clone, Default)]
pub struct Ads {
    ads: HashMap<String, Ad>,
    /// Empty for nearly every ad: most are never paused.
    pauses: HashMap<String, Vec<Pause>>,
}

impl Ads {
    /// These ads, with the pauses of some of them.
    pub fn new(ads: impl IntoIterator<Item = Ad>, pauses: impl IntoIterator<Item = Pause>) -> Self {
        let mut by_ad: HashMap<String, Vec<Pause>> = HashMap::new();
        for pause in pauses {
            by_ad.entry(pause.ad_id.clone()).or_default().push(pause);
        }
        let ads = ads.into_iter().map(|ad| (ad.ad_id.clone(), ad)).collect();
        Self { ads, pauses: by_ad }
    }

    /// The ad of that id.
    pub fn get(&self, ad_id: &str) -> Option<&Ad> {
        self.ads.get(ad_id)
    }

    /// Whether the ad was paused at that time.
    pub fn is_paused(&self, ad_id: &str, at: Timestamp) -> bool {
        !self.pauses.is_empty() && self.pauses.get(ad_id).is_some_and(|all| all.iter().any(|pause| pause.holds(at)))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ads.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ads.is_empty()
    }
}

impl FromIterator<Ad> for Ads {
    fn from_iter<I: IntoIterator<Item = Ad>>(ads: I) -> Self {
        Self::new(ads, [])
    }
}
