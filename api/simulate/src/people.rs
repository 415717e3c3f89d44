//! Who sees the ads. A user's traits are computed from the user's number, so that millions of users take no memory.

use super::dice::{mix, pick};

/// What a browser says of itself, and what a client declares from it.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) user_agent: &'static str,
    pub(super) device_type: &'static str,
    pub(super) os: &'static str,
    pub(super) browser: &'static str,
}

const fn device(
    device_type: &'static str,
    os: &'static str,
    browser: &'static str,
    user_agent: &'static str,
) -> Device {
    Device { user_agent, device_type, os, browser }
}

/// Browsers in order of use.
pub(super) const DEVICES: [Device; 12] = [
    device(
        "mobile",
        "Android",
        "Chrome",
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36",
    ),
    device(
        "desktop",
        "Windows",
        "Chrome",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
    ),
    device(
        "mobile",
        "iOS",
        "Safari",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
    ),
    device(
        "mobile",
        "Android",
        "Chrome",
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Mobile Safari/537.36",
    ),
    device(
        "desktop",
        "macOS",
        "Safari",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15",
    ),
    device(
        "desktop",
        "Windows",
        "Edge",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0",
    ),
    device(
        "desktop",
        "Windows",
        "Firefox",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0",
    ),
    device(
        "mobile",
        "Android",
        "Samsung Internet",
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
    ),
    device(
        "desktop",
        "macOS",
        "Chrome",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
    ),
    device(
        "tablet",
        "iPadOS",
        "Safari",
        "Mozilla/5.0 (iPad; CPU OS 17_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.7 Mobile/15E148 Safari/604.1",
    ),
    device("desktop", "Linux", "Firefox", "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"),
    device(
        "mobile",
        "iOS",
        "Chrome",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/141.0.7390.41 Mobile/15E148 Safari/604.1",
    ),
];

/// What bots say of themselves.
pub(super) const TOOLS: [&str; 6] = [
    "curl/8.16.0",
    "python-requests/2.32.5",
    "Go-http-client/2.0",
    "Mozilla/5.0 (compatible; AdsCheckBot/1.2; +https://bots.example/adscheck)",
    "Scrapy/2.13.3 (+https://scrapy.org)",
    "Wget/1.25.0",
];

const CITIES: [(&str, &str); 24] = [
    ("DE", "Berlin"),
    ("DE", "Hamburg"),
    ("DE", "Munich"),
    ("DE", "Cologne"),
    ("FR", "Paris"),
    ("FR", "Lyon"),
    ("GB", "London"),
    ("GB", "Manchester"),
    ("ES", "Madrid"),
    ("ES", "Barcelona"),
    ("IT", "Milan"),
    ("IT", "Rome"),
    ("NL", "Amsterdam"),
    ("NL", "Rotterdam"),
    ("PL", "Warsaw"),
    ("PL", "Krakow"),
    ("AT", "Vienna"),
    ("CH", "Zurich"),
    ("SE", "Stockholm"),
    ("DK", "Copenhagen"),
    ("PT", "Lisbon"),
    ("IE", "Dublin"),
    ("BE", "Brussels"),
    ("CZ", "Prague"),
];

/// A user's traits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Traits {
    /// The two halves of the hashed id.
    pub(super) id: [u64; 2],
    /// The number of the address; some users share one.
    pub(super) address: u32,
    /// Index in [`DEVICES`].
    pub(super) device: u8,
    /// Country and city.
    pub(super) place: (&'static str, &'static str),
}

/// The traits of user `user` in a world of `addresses` addresses.
pub(super) fn traits(seed: u64, user: u32, addresses: u32) -> Traits {
    let first = mix(seed ^ mix(u64::from(user)));
    let second = mix(first);
    let (choice, place) = (mix(second), mix(first ^ second));
    // The smaller of two draws: the first browsers and cities are the most common.
    let device = pick(choice, 12).min(pick(choice << 32, 12));
    let city = pick(place, 24).min(pick(place << 32, 24));
    Traits {
        id: [first, second],
        address: pick(mix(choice), addresses),
        device: u8::try_from(device).expect("twelve devices"),
        place: CITIES[city as usize],
    }
}
