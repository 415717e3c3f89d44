//! Lists of robots' user agents with their exceptions, asked all at once.
//!
//! Most agents are people's and match nothing, and there are thousands of patterns. So one pass over the agent looks
//! for the texts that patterns need, and only those whose text stands there are asked, in the order of the lists. What
//! an agent costs is bounded by its length times the number of patterns, whatever it holds.

use std::sync::Arc;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};
use regex::Regex;

use super::patterns::{Pattern, Patterns};

/// Letters outside ASCII that a pattern without regard to case takes for `s` and `k`.
const FOLDED: [(char, &str); 2] = [('\u{17f}', "s"), ('\u{212a}', "k")];

/// Lists, and the parts of people's agents in which nothing counts.
#[derive(Debug)]
pub(crate) struct AgentLists {
    lists: Vec<Arc<Patterns>>,
    exceptions: Vec<(Arc<Patterns>, Option<Regex>)>,
    /// Every pattern, as (list, line of the list's patterns), in order.
    order: Vec<(u32, u32)>,
    needs: Option<AhoCorasick>,
    /// For each text of `needs`, the patterns that need it.
    whose: Vec<Vec<u32>>,
    /// Patterns that must always be asked.
    always: Vec<u32>,
}

/// The pattern that matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    list: u32,
    pattern: u32,
}

impl AgentLists {
    /// The patterns of `lists` in this order, but for what only stands within what `exceptions` match.
    ///
    /// # Errors
    /// What the automaton or the exceptions are too large for.
    pub(super) fn new(lists: Vec<Arc<Patterns>>, exceptions: Vec<Arc<Patterns>>) -> Result<Self, String> {
        let (mut order, mut always) = (Vec::new(), Vec::new());
        let (mut texts, mut whose): (Vec<String>, Vec<Vec<u32>>) = (Vec::new(), Vec::new());
        let mut slots = std::collections::HashMap::new();
        for (list, patterns) in (0_u32..).zip(&lists) {
            for (line, pattern) in (0_u32..).zip(&patterns.patterns) {
                let index = u32::try_from(order.len()).map_err(|_| "too many patterns".to_owned())?;
                order.push((list, line));
                if pattern.needs.is_empty() {
                    always.push(index);
                }
                for text in &pattern.needs {
                    let slot = *slots.entry(text.to_ascii_lowercase()).or_insert_with(|| {
                        texts.push(text.clone());
                        whose.push(Vec::new());
                        whose.len() - 1
                    });
                    whose[slot].push(index);
                }
            }
        }
        let needs = (!texts.is_empty()).then(|| automaton(&texts)).transpose()?;
        let exceptions = exceptions.into_iter().map(|list| {
            let union = list.union();
            if union.is_none() && list.len() > 0 {
                Err(format!("{} is too large", list.name()))
            } else {
                Ok((list, union))
            }
        });
        Ok(Self { lists, exceptions: exceptions.collect::<Result<_, _>>()?, order, needs, whose, always })
    }

    /// The first pattern of the first list that matches `agent`, outside of what exceptions match. `further` are
    /// exceptions of the rule that asks.
    pub(crate) fn find(&self, agent: &str, further: &[Regex]) -> Option<Found> {
        let found = self.first(agent)?;
        let mut kept = std::borrow::Cow::Borrowed(agent);
        for exception in self.exceptions.iter().filter_map(|(_, union)| union.as_ref()).chain(further) {
            if exception.is_match(&kept) {
                kept = exception.replace_all(&kept, " ").into_owned().into();
            }
        }
        // Nothing of it is a person's: what was found stands.
        if kept.len() == agent.len() { Some(found) } else { self.first(&kept) }
    }

    fn first(&self, agent: &str) -> Option<Found> {
        let mut asked = vec![0_u64; self.order.len().div_ceil(64)];
        let mut ask = |index: &u32| asked[*index as usize / 64] |= 1 << (index % 64);
        self.always.iter().for_each(&mut ask);
        if let Some(needs) = &self.needs {
            let folded = folded(agent);
            for seen in needs.find_overlapping_iter(folded.as_ref()) {
                self.whose[seen.pattern().as_usize()].iter().for_each(&mut ask);
            }
        }
        for (word, mut bits) in asked.into_iter().enumerate() {
            while bits != 0 {
                let (list, pattern) = self.order[word * 64 + bits.trailing_zeros() as usize];
                bits &= bits - 1;
                let found = Found { list, pattern };
                if self.pattern(found).matches(agent) {
                    return Some(found);
                }
            }
        }
        None
    }

    fn pattern(&self, found: Found) -> &Pattern {
        &self.lists[found.list as usize].patterns[found.pattern as usize]
    }

    /// The names of what was found: the list, and its pattern.
    pub(crate) fn describe(&self, found: Found) -> (&str, &str) {
        (self.lists[found.list as usize].name(), &self.pattern(found).text)
    }

    /// The lists of robots.
    pub(crate) fn lists(&self) -> &[Arc<Patterns>] {
        &self.lists
    }

    /// The lists of exceptions.
    pub(crate) fn exceptions(&self) -> impl Iterator<Item = &Arc<Patterns>> {
        self.exceptions.iter().map(|(list, _)| list)
    }
}

fn automaton(texts: &[String]) -> Result<AhoCorasick, String> {
    let mut builder = AhoCorasickBuilder::new();
    builder.ascii_case_insensitive(true).match_kind(MatchKind::Standard).prefilter(false);
    builder.build(texts).map_err(|error| error.to_string())
}

/// `agent` as patterns without regard to case read it.
fn folded(agent: &str) -> std::borrow::Cow<'_, str> {
    if agent.is_ascii() || !agent.contains(FOLDED.map(|(letter, _)| letter)) {
        return agent.into();
    }
    FOLDED.iter().fold(agent.to_owned(), |text, (letter, plain)| text.replace(*letter, plain)).into()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    fn list(name: &str, text: &str) -> Arc<Patterns> {
        Arc::new(Patterns::parse(Path::new(name), text.as_bytes()).unwrap())
    }

    fn found<'l>(lists: &'l AgentLists, agent: &str) -> Option<(&'l str, &'l str)> {
        lists.find(agent, &[]).map(|found| lists.describe(found))
    }

    #[test]
    fn first_list_and_line_that_match_are_named() {
        let lists = AgentLists::new(vec![list("a", "(?i)bot\n^x\nSpider"), list("b", "Bot\ncurl")], vec![]).unwrap();
        assert_eq!(found(&lists, "Some Bot"), Some(("a", "(?i)bot")));
        assert_eq!(found(&lists, "curl, a Spider"), Some(("a", "Spider")));
        assert_eq!(found(&lists, "xcurl"), Some(("a", "^x")));
        assert_eq!(found(&lists, "curl"), Some(("b", "curl")));
        assert_eq!(found(&lists, "Curl spider"), None);
        assert_eq!(found(&lists, ""), None);
    }

    #[test]
    fn exceptions_take_away_only_what_they_match() {
        let people = list("people", "(?i)cubot[ _][a-z0-9]+\nBotswana");
        let lists = AgentLists::new(vec![list("a", "(?i)bot\n^only")], vec![people]).unwrap();
        assert_eq!(found(&lists, "CUBOT X30"), None);
        assert_eq!(found(&lists, "Botswana, CUBOT X30"), None);
        assert_eq!(found(&lists, "CUBOT X30 AdBot"), Some(("a", "(?i)bot")));
        assert_eq!(found(&lists, "only"), Some(("a", "^only")));
        let mine = [Regex::new("AdBot").unwrap()];
        assert_eq!(lists.find("CUBOT X30 AdBot", &mine), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

        #[test]
        fn finds_what_asking_every_pattern_finds(agent in "[bBoOtTsSkK\u{17f}\u{212a}. /0-9a]{0,24}") {
            let text = "(?i)bot\n(?i)bots+k\nBot\n(?:ask|o?bots)\\d\n^\\d\nt{2}bo\n(?i)s\\.k\nk[ab]?oto\n(?i)askbot|tob0";
            let lists = AgentLists::new(vec![list("a", text)], vec![]).unwrap();
            let naive = text.lines().find(|line| Regex::new(line).unwrap().is_match(&agent));
            prop_assert_eq!(found(&lists, &agent).map(|(_, pattern)| pattern), naive);
        }
    }
}
