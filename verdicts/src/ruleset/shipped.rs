//! What ships in the program: rulesets by name, and the lists that they use.
//!
//! Each list says in its head where it comes from, which release, of which date and under which licence; `NOTICE` has
//! the same. `rulesets/make_agents.py` and `make_hosting.py` make them again from the packages that they name.

use std::{
    path::Path,
    sync::{Arc, LazyLock},
};

use super::{agents::AgentLists, networks::AddressList, patterns::Patterns};

/// The name of the ruleset that is used if none is named.
pub(super) const DEFAULT: &str = "default";

/// The rulesets, as (name, text).
pub(super) const RULESETS: [(&str, &str); 2] =
    [(DEFAULT, include_str!("../../rulesets/default.toml")), ("scored", include_str!("../../rulesets/scored.toml"))];

/// The lists of robots, as (name, text), in the order in which they are asked.
pub(super) const ROBOTS: [(&str, &str); 4] = [
    ("crawlers.txt", include_str!("../../rulesets/crawlers.txt")),
    ("tools.txt", include_str!("../../rulesets/tools.txt")),
    ("crawlerdetect.txt", include_str!("../../rulesets/crawlerdetect.txt")),
    ("isbot.txt", include_str!("../../rulesets/isbot.txt")),
];

/// What of people's agents looks like a robot and is none.
pub(super) const PEOPLE: (&str, &str) = ("people.txt", include_str!("../../rulesets/people.txt"));

/// The networks of hosting providers.
pub(super) const HOSTING: (&str, &str) = ("hosting.txt", include_str!("../../rulesets/hosting.txt"));

fn patterns((name, text): (&str, &str)) -> Arc<Patterns> {
    Arc::new(Patterns::parse(Path::new(name), text.as_bytes()).expect("the lists that ship are valid"))
}

/// The shipped lists of robots with their exceptions: read once, because they are thousands.
pub(super) fn robots() -> Arc<AgentLists> {
    static READ: LazyLock<Arc<AgentLists>> = LazyLock::new(|| {
        let lists = AgentLists::new(ROBOTS.map(patterns).to_vec(), vec![patterns(PEOPLE)]);
        Arc::new(lists.expect("the lists that ship fit one automaton"))
    });
    Arc::clone(&READ)
}

/// The shipped list of networks, read once.
pub(super) fn hosting() -> Arc<AddressList> {
    static READ: LazyLock<Arc<AddressList>> = LazyLock::new(|| {
        let (name, text) = HOSTING;
        Arc::new(AddressList::parse(Path::new(name), text.as_bytes()).expect("the list that ships is valid"))
    });
    Arc::clone(&READ)
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    const ROBOTS_OF_ALL_KINDS: [&str; 28] = [
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ClaudeBot/1.0; +claudebot@anthropic.com)",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/141.0.0.0 Safari/537.36",
        "Mozilla/5.0 (Linux; Android 10; CUBOT X30) AppleWebKit/537.36 (compatible; AdBot/1.0)",
        "curl/8.16.0",
        "python-requests/2.32.5",
        "okhttp/4.12.0",
        "axios/1.7.2",
        "Go-http-client/2.0",
        "Apache-HttpClient/4.5.14 (Java/17.0.8)",
        "Mozilla/5.0 (compatible; AdsCheckBot/1.2; +https://bots.example/adscheck)",
        "Scrapy/2.13.3 (+https://scrapy.org)",
        "Wget/1.25.0",
        "Ruby",
        "UniversalFeedParser/4.2-pre-314-svn +http://feedparser.org/",
        "LumiBot 2.0",
        "Mozilla/5.0",
        "Mozilla/5.0 (compatible; NobodyKnows/1.0)",
        "nobodyknows/1.0 (https://nobody.example/about)",
        "nobody (contact: me@nobody.example.com)",
        "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
        "WhatsApp/2.23.20.0 A",
        "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
        "W3C_Validator/1.3 http://validator.w3.org/services",
        "Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)",
        "Test",
        "${jndi:ldap://x.example/a}",
    ];

    const PEOPLE_OF_ALL_KINDS: [&str; 20] = [
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
        "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
        "Mozilla/5.0 (Linux; Android 10; CUBOT X30) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Mobile Safari/537.36",
        "Mozilla/5.0 (Linux; Android 7.0; M bot 60 Build/NRD90M; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/67.0.3396.87 Mobile Safari/537.36",
        "Mozilla/5.0 (Linux; Android 6.0; VR BOT 552 PLUS) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/78.0.3904.96 Mobile Safari/537.36",
        "Mozilla/5.0 (Linux; Android 13; Spider 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36",
        "Mozilla/5.0 (Linux; Android 4.2.2; HTC Butterfly Build/JDQ39) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/30.0.1599.92 Mobile Safari/537.36",
        "Opera/9.80 (X11; Linux x86_64) Presto/2.12.388 Version/12.16",
        "Opera/9.80 (MAUI Runtime; Opera Mini/4.4.39008/37.8625; U; en) Presto/2.12.423 Version/12.16",
        "Mozilla/5.0 (compatible; MSIE 10.0; Windows NT 6.2; Trident/6.0)",
        "Mozilla/5.0 (compatible; Konqueror/4.0; X11) KHTML/4.0.3 (like Gecko)",
        "Dalvik/2.1.0 (Linux; U; Android 13; SM-A536B Build/TP1A.220624.014)",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 [FBAN/FBIOS;FBAV/470.0.0.43.109]",
        "Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/2.2 Chrome/63.0.3239.84 TV Safari/537.36",
        "Mozilla/5.0 (PlayStation; PlayStation 5/2.26) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/13.0 Safari/605.1.15",
        "Nokia6100/1.0 (04.01) Profile/MIDP-1.0 Configuration/CLDC-1.0",
        "SonyEricssonW800i/R1AA Browser/SEMC-Browser/4.2 Profile/MIDP-2.0 Configuration/CLDC-1.1",
        "WhatsApp/2.18.79 Android/5.1 Device/Meizu-MX5",
        "Mozilla/5.0 (Linux; Android 15; SM-S928B Build/AP3A.240617.008; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/130.0.6723.58 Mobile Safari/537.36",
    ];

    fn listed(agent: &str) -> Option<(String, String)> {
        let robots = robots();
        robots.find(agent, &[]).map(|found| {
            let (list, pattern) = robots.describe(found);
            (list.to_owned(), pattern.to_owned())
        })
    }

    #[test]
    fn shipped_lists_know_robots_and_tools_and_no_people() {
        for agent in ROBOTS_OF_ALL_KINDS {
            assert!(listed(agent).is_some(), "{agent}");
        }
        for agent in PEOPLE_OF_ALL_KINDS {
            assert_eq!(listed(agent), None, "{agent}");
        }
    }

    #[test]
    fn one_pass_finds_what_asking_every_shipped_pattern_finds() {
        let lists = AgentLists::new(ROBOTS.map(patterns).to_vec(), Vec::new()).unwrap();
        let all: Vec<(&str, Regex)> = ROBOTS
            .iter()
            .flat_map(|(_, text)| text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')))
            .map(|line| (line, Regex::new(line).unwrap()))
            .collect();
        let agents = ROBOTS_OF_ALL_KINDS.into_iter().chain(PEOPLE_OF_ALL_KINDS);
        // Every pattern's own text, too, in any case: it often matches what stands behind it.
        let own = all.iter().step_by(7).map(|(line, _)| line.replace(['\\', '^', '$', '(', ')', '?'], ""));
        let texts = agents.map(str::to_owned).chain(own.clone()).chain(own.map(|text| text.to_uppercase()));
        for text in texts {
            let expected = all.iter().find(|(_, regex)| regex.is_match(&text)).map(|(line, _)| *line);
            let found = lists.find(&text, &[]).map(|found| lists.describe(found).1);
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn hostile_agents_cost_no_more_than_their_length() {
        let started = std::time::Instant::now();
        for text in ["bot", "crawl", "http://", "(compatible; ", "a@b.", "Mozilla/5.0 ", "\u{17f}pider", "((((", "www."]
        {
            listed(&text.repeat(100_000 / text.len()));
        }
        assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    }

    #[test]
    fn hosting_networks_hold_clouds_and_no_relays() {
        use super::super::address::Address;
        let holds = |address: &str| hosting().line_of(Address::parse(address).unwrap()).is_some();
        for cloud in ["3.5.140.1", "20.40.1.1", "95.216.1.1", "2600:1f18::1", "2a01:4f8::1", "::ffff:3.5.140.1"] {
            assert!(holds(cloud), "{cloud}");
        }
        // Cloudflare WARP, iCloud Private Relay, ProtonVPN, a public resolver, a home.
        for people in ["104.28.1.1", "172.224.226.1", "2a02:26f7::1", "185.70.42.1", "8.8.8.8", "192.0.2.1"] {
            assert!(!holds(people), "{people}");
        }
        assert!(hosting().networks() > 10_000);
    }
}
