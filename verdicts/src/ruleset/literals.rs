//! What a regular expression certainly contains: texts of which one must stand in everything that it matches.
//!
//! One automaton looks for the texts of all patterns at once, and only patterns whose text was seen are asked. The
//! reader here knows a part of the syntax, and gives up on the rest: then the pattern is asked about everything.

/// A shorter text is found everywhere, and saves nothing.
const BYTES_MIN: usize = 3;
/// Deeper nesting is not read: recursion stays bounded.
const DEPTH_MAX: usize = 16;

/// What a pattern must contain.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Needs {
    /// In everything that it matches stands one of these, without regard to the case of ASCII letters.
    pub(super) texts: Vec<String>,
    /// It matches just where the one text stands: with regard to case, if it is `Some(true)`.
    pub(super) is_plain: Option<bool>,
}

/// What `pattern` must contain; `None` if that is not known.
pub(super) fn of(pattern: &str) -> Option<Needs> {
    let (body, ignores_case) = pattern.strip_prefix("(?i)").map_or((pattern, false), |body| (body, true));
    let mut reader = Reader { rest: body, depth: 0, is_plain: true };
    let texts = reader.alternatives()?;
    if !reader.rest.is_empty() {
        return None;
    }
    let is_plain = (reader.is_plain && texts.len() == 1).then_some(!ignores_case);
    Some(Needs { texts, is_plain })
}

struct Reader<'p> {
    rest: &'p str,
    depth: usize,
    /// Nothing but letters so far.
    is_plain: bool,
}

/// The better of two requirements: the one whose shortest text is longer.
fn better(one: Option<Vec<String>>, other: Option<Vec<String>>) -> Option<Vec<String>> {
    let worth = |texts: &Vec<String>| texts.iter().map(String::len).min().unwrap_or(0);
    match (one, other) {
        (Some(one), Some(other)) => Some(if worth(&other) > worth(&one) { other } else { one }),
        (one, other) => one.or(other),
    }
}

fn long_enough(run: &mut String) -> Option<Vec<String>> {
    let run = std::mem::take(run);
    (run.len() >= BYTES_MIN).then(|| vec![run])
}

impl Reader<'_> {
    /// Alternatives up to `)` or the end: each must contain something.
    fn alternatives(&mut self) -> Option<Vec<String>> {
        let mut texts = self.sequence();
        while let Some(rest) = self.rest.strip_prefix('|') {
            self.rest = rest;
            self.is_plain = false;
            let other = self.sequence();
            texts = texts.zip(other).map(|(mut texts, other)| {
                texts.extend(other);
                texts
            });
        }
        texts
    }

    /// One alternative: the best of what stands in it. Stops before `|`, `)` or the end, or at what it does not know.
    fn sequence(&mut self) -> Option<Vec<String>> {
        let (mut best, mut run) = (None, String::new());
        while let Some(next) = self.rest.chars().next() {
            let width = next.len_utf8();
            match next {
                '|' | ')' => break,
                '(' => {
                    best = better(best, long_enough(&mut run));
                    let inner = self.group()?;
                    let inner = if self.skips_repeat() { None } else { inner };
                    best = better(best, inner);
                    continue;
                }
                '[' => {
                    best = better(best, long_enough(&mut run));
                    self.class()?;
                    self.skips_repeat();
                    continue;
                }
                '.' | '^' | '$' => {
                    self.is_plain = false;
                    best = better(best, long_enough(&mut run));
                    self.advance(width);
                    self.skips_repeat();
                    continue;
                }
                '*' | '?' | '+' | '{' | '}' | ']' => return None,
                '\\' => {
                    let escaped = self.rest.chars().nth(1)?;
                    if !escaped.is_ascii_punctuation() {
                        best = better(best, long_enough(&mut run));
                        self.assertion_or_class(escaped)?;
                        continue;
                    }
                    self.advance(1 + escaped.len_utf8());
                    run.push(escaped);
                }
                letter => {
                    self.advance(width);
                    if !letter.is_ascii() {
                        self.is_plain = false;
                        best = better(best, long_enough(&mut run));
                        self.skips_repeat();
                        continue;
                    }
                    run.push(letter);
                }
            }
            // A letter that may be missing belongs to nothing; one that may be repeated ends the text.
            let before = self.rest.len();
            if self.skips_repeat() {
                run.pop();
                best = better(best, long_enough(&mut run));
            } else if self.rest.len() != before {
                best = better(best, long_enough(&mut run));
            }
        }
        best = better(best, long_enough(&mut run));
        best
    }

    fn advance(&mut self, bytes: usize) {
        self.rest = &self.rest[bytes..];
    }

    /// A group with its parentheses; `None` outside if it is not understood, inside if it needs nothing.
    fn group(&mut self) -> Option<Option<Vec<String>>> {
        self.is_plain = false;
        self.depth += 1;
        let body = self.rest.strip_prefix("(?:").or_else(|| self.rest.strip_prefix("(?i:"));
        let body = body.or_else(|| self.rest.strip_prefix('(').filter(|body| !body.starts_with('?')))?;
        if self.depth > DEPTH_MAX {
            return None;
        }
        self.rest = body;
        let inner = self.alternatives();
        self.rest = self.rest.strip_prefix(')')?;
        self.depth -= 1;
        Some(inner)
    }

    /// A class without classes in it.
    fn class(&mut self) -> Option<()> {
        self.is_plain = false;
        let body = self.rest.strip_prefix('[')?;
        let body = body.strip_prefix('^').unwrap_or(body);
        let mut chars = body.char_indices();
        while let Some((at, next)) = chars.next() {
            match next {
                '[' | '&' => return None,
                '\\' => {
                    chars.next()?;
                }
                ']' if at > 0 => {
                    self.rest = &body[at + 1..];
                    return Some(());
                }
                _ => {}
            }
        }
        None
    }

    /// `\b`, `\d` and the like. Those that take letters after them are not read.
    fn assertion_or_class(&mut self, escaped: char) -> Option<()> {
        self.is_plain = false;
        if !matches!(escaped, 'b' | 'B' | 'd' | 'D' | 's' | 'S' | 'w' | 'W' | 'n' | 't' | 'r' | 'A' | 'z') {
            return None;
        }
        self.advance(2);
        if self.rest.starts_with('{') && matches!(escaped, 'b' | 'B') {
            return None;
        }
        self.skips_repeat();
        Some(())
    }

    /// Passes a repeat, and says whether it allows none.
    fn skips_repeat(&mut self) -> bool {
        let allows_none = match self.rest.bytes().next() {
            Some(b'*' | b'?') => true,
            Some(b'+') => false,
            // Whatever its numbers: taken as one that allows none, nothing wrong is promised.
            Some(b'{') => match self.rest.find('}') {
                Some(end) => {
                    self.is_plain = false;
                    self.rest = &self.rest[end + 1..];
                    self.rest = self.rest.strip_prefix('?').unwrap_or(self.rest);
                    return true;
                }
                None => return true,
            },
            Some(_) | None => return false,
        };
        self.is_plain = false;
        self.advance(1);
        self.rest = self.rest.strip_prefix('?').unwrap_or(self.rest);
        allows_none
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(pattern: &str) -> Vec<String> {
        of(pattern).map(|needs| needs.texts).unwrap_or_default()
    }

    #[test]
    fn longest_certain_text_is_needed() {
        for (pattern, needed) in [
            ("Googlebot/", vec!["Googlebot/"]),
            (r"^curl", vec!["curl"]),
            (r"AppEngine-Google", vec!["AppEngine-Google"]),
            (r"bots?\b", vec!["bot"]),
            (r"Go[ol]gle", vec!["gle"]),
            (r"(?i)[a-z](?:spider|crawler)s?\b", vec!["spider", "crawler"]),
            (r"(?:spider|crawler)?", vec![]),
            (r"a{2}bcd", vec!["bcd"]),
            (r"abc+d", vec!["abc"]),
            (r"abcd*", vec!["abc"]),
            (r"yes|no", vec![]),
            (r"yes|never", vec!["yes", "never"]),
            (r"\x41bc|abc", vec![]),
            (r"a\.b\.c", vec!["a.b.c"]),
            (r"[]abc]def", vec!["def"]),
            (r"(?i-u)abc", vec![]),
            (r"(?x)a b c d", vec![]),
            ("ümlaut", vec!["mlaut"]),
            (r"\bab\d", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(texts(pattern), needed, "{pattern}");
        }
    }

    #[test]
    fn plain_patterns_are_known_as_such() {
        let plain = |pattern: &str| of(pattern).and_then(|needs| needs.is_plain);
        assert_eq!(plain("Googlebot/"), Some(true));
        assert_eq!(plain(r"(?i)ias\.crawler"), Some(false));
        for pattern in ["^curl", "bots?", "abc{2}", "abc|abd", "abc+", "(abc)", "abc.", r"abc\b", "äbcd"] {
            assert_eq!(plain(pattern), None, "{pattern}");
        }
    }
}
