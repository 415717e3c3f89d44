//! Lists of regular expressions over user agents, as their files have them.

use std::path::Path;

use regex::{Regex, RegexBuilder};

use super::{error::Error, list_head::ListHead, literals};

/// More patterns than this are no list of robots: each may take some kilobytes.
const PATTERNS_MAX: usize = 50_000;
/// What one pattern's states may take while it is asked. A pattern that needs more is asked more slowly.
const STATES_BYTES_MAX: usize = 1 << 18;

/// A list of regular expressions, one a line. A line that begins with `#` is a comment.
#[derive(Debug)]
pub(crate) struct Patterns {
    head: ListHead,
    pub(super) patterns: Vec<Pattern>,
}

/// One line of a list.
#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) text: String,
    /// One of these stands in everything that matches, whatever the case; empty if that is not known.
    pub(super) needs: Vec<String>,
    pub(super) test: Test,
}

/// How a pattern is asked once a text that it needs was seen.
#[derive(Debug)]
pub(super) enum Test {
    /// It matches where its text stands, whatever the case: the text was seen, so it matches.
    Seen,
    /// It matches where its text stands as it is.
    Contains(String),
    Regex(Box<Regex>),
}

impl Pattern {
    fn parse(line: &str) -> Result<Self, regex::Error> {
        let needs = literals::of(line);
        let test = match &needs {
            Some(needs) if needs.is_plain == Some(false) => Test::Seen,
            Some(needs) if needs.is_plain == Some(true) => Test::Contains(needs.texts[0].clone()),
            Some(_) | None => Test::Regex(Box::new(RegexBuilder::new(line).dfa_size_limit(STATES_BYTES_MAX).build()?)),
        };
        Ok(Self { text: line.to_owned(), needs: needs.map(|needs| needs.texts).unwrap_or_default(), test })
    }

    /// Whether it matches `agent`, in which a text that it needs stands.
    pub(super) fn matches(&self, agent: &str) -> bool {
        match &self.test {
            Test::Seen => true,
            Test::Contains(text) => agent.contains(text.as_str()),
            Test::Regex(regex) => regex.is_match(agent),
        }
    }
}

impl Patterns {
    pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let refuse = |line, problem| Error::List { path: path.to_owned(), line, problem };
        let text = str::from_utf8(bytes).map_err(|_| refuse(1, "the file is not UTF-8 text".to_owned()))?;
        let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
        let mut patterns = Vec::new();
        for (number, line) in lines {
            if patterns.len() == PATTERNS_MAX {
                return Err(refuse(number, format!("more than {PATTERNS_MAX} patterns")));
            }
            patterns.push(Pattern::parse(line).map_err(|error| refuse(number, error.to_string()))?);
        }
        Ok(Self { head: ListHead::parse(path, text), patterns })
    }

    /// The one alternative of all patterns, to take away what it matches.
    pub(super) fn union(&self) -> Option<Regex> {
        let texts: Vec<String> = self.patterns.iter().map(|pattern| format!("(?:{})", pattern.text)).collect();
        (!texts.is_empty()).then(|| Regex::new(&texts.join("|")).ok()).flatten()
    }

    /// What its head says about it.
    pub(crate) fn head(&self) -> &ListHead {
        &self.head
    }

    /// The name of the list.
    pub(crate) fn name(&self) -> &str {
        &self.head.name
    }

    /// How many patterns it holds.
    pub(crate) fn len(&self) -> usize {
        self.patterns.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_pattern_is_refused_with_its_line() {
        let error = Patterns::parse(Path::new("bots.txt"), b"# mine\ncurl\n(unclosed\n").unwrap_err();
        assert!(error.to_string().contains("bots.txt, line 3"), "{error}");
    }
}
