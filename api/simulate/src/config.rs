//! What is simulated, in numbers.

use clicktrail_log::time::Timestamp;

/// As many users as are simulated at most, unless the configuration says otherwise.
const USERS_MAX: u64 = 3_000_000;

/// What is simulated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// How many events, of all kinds together.
    pub events: u64,
    /// Over how many hours.
    pub hours: u32,
    /// Another seed, another world.
    pub seed: u64,
    /// When the first hour begins.
    pub start: Timestamp,
    /// How many advertisers; at least 1, as are the numbers that follow.
    pub advertisers: u32,
    /// Campaigns of each advertiser.
    pub campaigns_each: u32,
    /// Ads of each campaign.
    pub ads_each: u32,
    /// Sites that show them.
    pub publishers: u32,
    /// People.
    pub users: u32,
    /// Addresses that the people share, at most 4,000,000.
    pub addresses: u32,
}

impl Config {
    /// A world of a size that suits the number of events: 20 advertisers with 5 campaigns of 4 ads, 200 publishers, a
    /// user for every 25 events, eight users to an address.
    pub fn new(events: u64, hours: u32, seed: u64, start: Timestamp) -> Self {
        let users = u32::try_from((events / 25).clamp(100, USERS_MAX)).expect("at most three million");
        Self {
            events,
            hours,
            seed,
            start,
            advertisers: 20,
            campaigns_each: 5,
            ads_each: 4,
            publishers: 200,
            users,
            addresses: users / 8,
        }
    }
}
