//! As much of Rust as the checks need: what is code, what is a comment or a literal, what is for tests alone.

/// A source text, taken apart.
#[derive(Debug, Default)]
pub(crate) struct Source {
    /// The text with blanks for comments and literals: every other byte stands where it stood.
    pub(crate) code: String,
    /// The same with blanks for what `#[cfg(test)]` stands on too.
    pub(crate) production: String,
    /// Where each string literal begins, and what it says (escapes as they are written).
    literals: Vec<(usize, String)>,
}

impl Source {
    pub(crate) fn read(text: &str) -> Self {
        let (code, literals) = lex(text);
        let production = without_tests(&code);
        Self { code, production, literals }
    }

    /// The literals outside test code.
    pub(crate) fn production_literals(&self) -> impl Iterator<Item = &str> {
        let is_production = |at: usize| !self.is_blank_only_in_production(at);
        self.literals.iter().filter(move |(at, _)| is_production(*at)).map(|(_, text)| text.as_str())
    }

    /// All literals.
    pub(crate) fn literals(&self) -> impl Iterator<Item = &str> {
        self.literals.iter().map(|(_, text)| text.as_str())
    }

    /// The first literal at or behind a place.
    pub(crate) fn literal_behind(&self, at: usize) -> Option<&str> {
        self.literals.iter().find(|(begin, _)| *begin >= at).map(|(_, text)| text.as_str())
    }

    /// Whether a byte of the text is inside a string literal.
    pub(crate) fn is_quoted(&self, at: usize) -> bool {
        self.literals.iter().any(|(begin, text)| (*begin..begin + text.len()).contains(&at))
    }

    /// Lines with code on them, outside test code.
    pub(crate) fn production_lines(&self) -> usize {
        self.production.lines().filter(|line| !line.trim().is_empty()).count()
    }

    /// Literals are blank in both texts; they leave a mark in the code alone if they stand in test code.
    fn is_blank_only_in_production(&self, at: usize) -> bool {
        self.code.as_bytes()[at] != self.production.as_bytes()[at]
    }
}

/// What stands for the first byte of a literal, so that code and test code can be told apart there.
const LITERAL: u8 = b'"';

fn lex(text: &str) -> (String, Vec<(usize, String)>) {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut literals = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let end = if rest.starts_with(b"//") {
            at + rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len())
        } else if rest.starts_with(b"/*") {
            at + block_comment(rest)
        } else if let Some((head, len)) = string(bytes, at) {
            let tail = if head.contains(&b'#') { head.iter().filter(|byte| **byte == b'#').count() + 1 } else { 1 };
            literals.push((at, text[at + head.len()..at + len - tail].to_owned()));
            at + len
        } else if let Some(len) = character(rest) {
            at + len
        } else {
            at += 1;
            continue;
        };
        for byte in &mut code[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        if literals.last().is_some_and(|(begin, _)| *begin == at) {
            code[at] = LITERAL;
        }
        at = end;
    }
    (String::from_utf8(code).expect("whole characters were replaced"), literals)
}

fn block_comment(text: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        match text.get(at..at + 2) {
            Some(b"/*") => (depth, at) = (depth + 1, at + 2),
            Some(b"*/") if depth == 1 => return at + 2,
            Some(b"*/") => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    at
}

/// The head (`"`, `br##"`) and the length of the string literal that begins at `at`, if one does.
fn string(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if at > 0 && is_name(bytes[at - 1]) && bytes[at] != b'"' {
        return None;
    }
    let text = &bytes[at..];
    let letters = text.iter().take_while(|byte| matches!(byte, b'b' | b'c' | b'r')).count();
    let hashes = text[letters..].iter().take_while(|byte| **byte == b'#').count();
    let head = letters + hashes + 1;
    if letters > 2 || text.get(head - 1) != Some(&b'"') {
        return None;
    }
    let is_raw = text[..letters].contains(&b'r');
    if is_raw {
        let end: Vec<u8> = [b'"'].into_iter().chain(std::iter::repeat_n(b'#', hashes)).collect();
        let len = text[head..].windows(end.len()).position(|window| window == end)?;
        return Some((&text[..head], head + len + end.len()));
    }
    if hashes > 0 {
        return None;
    }
    let mut end = head;
    while *text.get(end)? != b'"' {
        end += if text[end] == b'\\' { 2 } else { 1 };
    }
    Some((&text[..head], end + 1))
}

/// The length of a character literal; `None` for a lifetime and all else.
fn character(text: &[u8]) -> Option<usize> {
    if text[0] != b'\'' {
        return None;
    }
    if text.get(1) == Some(&b'\\') {
        return text[3..].iter().position(|byte| *byte == b'\'').map(|end| end + 4);
    }
    let width = text[1..].iter().skip(1).take_while(|byte| **byte & 0xc0 == 0x80).count() + 1;
    (text.get(1 + width) == Some(&b'\'')).then_some(width + 2)
}

/// `code` with blanks for each item behind `#[cfg(test)]`.
fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut kept = code.as_bytes().to_vec();
    let mut from = 0;
    while let Some(begin) = code[from..].find(MARK).map(|found| from + found) {
        let end = item_end(code.as_bytes(), begin + MARK.len());
        for byte in &mut kept[begin..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        from = end;
    }
    String::from_utf8(kept).expect("whole items were replaced")
}

/// Where the item ends that begins at `at`: behind its `;`, or behind the block that it opens.
fn item_end(code: &[u8], at: usize) -> usize {
    let (mut depth, mut is_block) = (0_usize, false);
    for (place, byte) in code.iter().enumerate().skip(at) {
        match byte {
            b'{' if depth == 0 => (depth, is_block) = (1, true),
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b';' if depth == 0 => return place + 1,
            _ => continue,
        }
        if is_block && depth == 0 {
            return place + 1;
        }
    }
    code.len()
}

/// The paths of a `use` tree: `a::{b, c::{self, d}}` is `a::b`, `a::c` and `a::d`.
pub(crate) fn paths(tree: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    expand(&[], tree, &mut found);
    found
}

fn expand(prefix: &[String], tree: &str, found: &mut Vec<Vec<String>>) {
    let tree = tree.trim();
    let (head, group) = match tree.find('{') {
        None => (tree, None),
        Some(open) => (&tree[..open], tree[open + 1..].rsplit_once('}').map(|(group, _)| group)),
    };
    let mut path = prefix.to_vec();
    let names = head.split("::").map(|name| name.split(" as ").next().unwrap_or_default().trim());
    path.extend(names.filter(|name| !name.is_empty()).map(str::to_owned));
    let Some(group) = group else {
        if path.len() > 1 && path.last().is_some_and(|name| name == "self") {
            path.pop();
        }
        found.push(path);
        return;
    };
    let (mut depth, mut begin) = (0_usize, 0);
    for (at, byte) in group.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                expand(&path, &group[begin..at], found);
                begin = at + 1;
            }
            _ => {}
        }
    }
    if !group[begin..].trim().is_empty() {
        expand(&path, &group[begin..], found);
    }
}

#[test]
fn comments_and_literals_are_no_code() {
    let text = "a; // \"x\"\nlet b = \"/* é */\"; /* /* ' */ ' */ c('\\'', 'd', &'e str, br#\"\"q\"\"#);";
    let source = Source::read(text);
    assert_eq!(source.code.len(), text.len());
    let kept: Vec<_> = source.code.split_whitespace().collect();
    assert_eq!(kept.join(" "), "a; let b = \" ; c( , , &'e str, \" );");
    assert_eq!(source.literals().collect::<Vec<_>>(), ["/* é */", "\"q\""]);
}

#[test]
fn test_modules_are_no_production() {
    let text = "const A: &str = \"one\";\n#[cfg(test)]\nmod tests;\nfn b() {}\n#[cfg(test)]\n#[allow(x)]\nmod more {\n fn c() { \"two\"; }\n}\nfn d() {}";
    let source = Source::read(text);
    assert_eq!(source.production_literals().collect::<Vec<_>>(), ["one"]);
    assert_eq!(source.production.split_whitespace().collect::<String>(), "constA:&str=\";fnb(){}fnd(){}");
    assert_eq!(source.production_lines(), 3);
}

#[test]
fn use_trees_are_paths() {
    let found: Vec<_> = paths("crate::a::{self, b as c, d::{E, f::*}}").iter().map(|path| path.join("::")).collect();
    assert_eq!(found, ["crate::a", "crate::a::b", "crate::a::d::E", "crate::a::d::f::*"]);
}
