//! A snapshot of the ad registry: what look-ups while capturing go to, without a database in the way.

use std::collections::HashMap;

use clicktrail_log::ad::Ad;

/// Registered ads by id.
#[derive(Debug, Clone, Default)]
pub struct Ads(HashMap<String, Ad>);

impl Ads {
    /// The ad of that id.
    pub fn get(&self, ad_id: &str) -> Option<&Ad> {
        self.0.get(ad_id)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Ad> for Ads {
    fn from_iter<I: IntoIterator<Item = Ad>>(ads: I) -> Self {
        Self(ads.into_iter().map(|ad| (ad.ad_id.clone(), ad)).collect())
    }
}
