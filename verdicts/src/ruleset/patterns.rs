//! Lists of regular expressions over user agents.

use std::path::Path;

use regex::RegexSet;

use super::error::Error;

/// The lists that ship, as (name, text).
pub(crate) const SHIPPED: [(&str, &str); 2] = [
    ("crawlers.txt", include_str!("../../rulesets/crawlers.txt")),
    ("tools.txt", include_str!("../../rulesets/tools.txt")),
];

/// What a compiled list may take. A larger one is refused: such a file was hardly meant as a list.
const COMPILED_BYTES_MAX: usize = 64 << 20;

/// A list of regular expressions, one a line. A line that begins with `#` is a comment.
#[derive(Debug)]
pub(crate) struct Patterns {
    name: String,
    patterns: Vec<String>,
    set: RegexSet,
}

impl Patterns {
    pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let refuse = |line, problem| Error::List { path: path.to_owned(), line, problem };
        let text = str::from_utf8(bytes).map_err(|_| refuse(1, "the file is not UTF-8 text".to_owned()))?;
        let lines = || (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
        for (number, line) in lines() {
            regex::Regex::new(line).map_err(|error| refuse(number, error.to_string()))?;
        }
        let patterns: Vec<String> = lines().map(|(_, line)| line.to_owned()).collect();
        let set = regex::RegexSetBuilder::new(&patterns).size_limit(COMPILED_BYTES_MAX).build();
        let set = set.map_err(|error| refuse(1, error.to_string()))?;
        Ok(Self { name: path.display().to_string(), patterns, set })
    }

    /// The first pattern of the list that matches `user_agent`.
    pub(crate) fn find(&self, user_agent: &str) -> Option<&str> {
        let first = self.set.matches(user_agent).iter().next()?;
        self.patterns.get(first).map(String::as_str)
    }

    /// The name of the list.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// How many patterns it holds.
    pub(crate) fn len(&self) -> usize {
        self.patterns.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_listed(user_agent: &str) -> bool {
        SHIPPED
            .iter()
            .any(|(name, text)| Patterns::parse(Path::new(name), text.as_bytes()).unwrap().find(user_agent).is_some())
    }

    #[test]
    fn shipped_lists_know_robots_and_tools_and_no_browser() {
        for user_agent in [
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            "curl/8.16.0",
            "python-requests/2.32.5",
            "Go-http-client/2.0",
            "Mozilla/5.0 (compatible; AdsCheckBot/1.2; +https://bots.example/adscheck)",
            "Scrapy/2.13.3 (+https://scrapy.org)",
            "Wget/1.25.0",
            "Ruby",
            "UniversalFeedParser/4.2-pre-314-svn +http://feedparser.org/",
            "LumiBot 2.0",
            "Mozilla/5.0",
        ] {
            assert!(is_listed(user_agent), "{user_agent}");
        }
        for user_agent in [
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
            "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
            "Mozilla/5.0 (Linux; Android 10; CUBOT X30) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Mobile Safari/537.36",
            "Opera/9.80 (X11; Linux x86_64) Presto/2.12.388 Version/12.16",
        ] {
            assert!(!is_listed(user_agent), "{user_agent}");
        }
    }

    #[test]
    fn broken_pattern_is_refused_with_its_line() {
        let error = Patterns::parse(Path::new("bots.txt"), b"# mine\ncurl\n(unclosed\n").unwrap_err();
        assert!(error.to_string().contains("bots.txt, line 3"), "{error}");
    }
}
