//! The access log of a web server, line by line: Apache's and nginx's `combined`, and the formats that people make of
//! it.
//!
//! `%h %l %u [%t] "%r" %>s %b "%{Referer}i" "%{User-Agent}i"`. Read as well: a virtual host in front, a list of
//! addresses as the client, a line that ends behind the bytes (`common`), and fields behind the agent, quoted or bare,
//! of which the first quoted one is `X-Forwarded-For` in nginx's `main`. What stands in a wrong place is refused, so
//! that a line that was cut is no event.
//!
//! A quoted text may hold `\"` and `\\`; other escapes (`\xe4`) stand for bytes that the server would not write, and
//! stay as they are. Bytes that are no UTF-8 get the same form.

use std::borrow::Cow;

use clicktrail_log::event::NO_AGENT;

use super::{
    client::{self, Client},
    request::{self, Request},
    value::{Malformed, Value},
};

/// What a mapping may name. `path` is the request's target without scheme, host and query, `first_segment` the text
/// between the first two slashes of the path, `request` the whole request line if it is spelled in an unusual way.
/// `forwarded_for` is the first quoted text behind the agent, `further` all that stands there if it is more than that.
pub(super) const FIELDS: [&str; 18] = [
    "remote_addr",
    "ident",
    "user",
    "time",
    "method",
    "target",
    "path",
    "query",
    "first_segment",
    "protocol",
    "status",
    "bytes",
    "referer",
    "user_agent",
    "vhost",
    "forwarded_for",
    "further",
    "request",
];

/// The bytes of a line as text: each byte that is no UTF-8 as `\xNN`, as web servers write it.
pub(super) fn text(line: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(line) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(line.len() + 16);
    for chunk in line.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    Cow::Owned(text)
}

/// The fields of a line in the order of [`FIELDS`]; `-` is no value, but of the user agent.
pub(super) fn parse<'a>(line: &'a str, values: &mut Vec<Option<Value<'a>>>) -> Result<(), Malformed> {
    let mut cursor = Cursor(line);
    let head = cursor.head()?;
    let Client { vhost, remote_addr, ident, user } = client::parse(head)?;
    let time = cursor.until(']', "time")?;
    cursor.expect(' ', "request")?;
    let request = request::parse(cursor.request()?);
    cursor.expect(' ', "status")?;
    let status = number(cursor.word("status")?, "status")?;
    let bytes = match cursor.0 {
        "" => None,
        _ => number(cursor.next_word("bytes")?, "bytes")?,
    };
    let referer = cursor.field("referer")?;
    // A line of `common` ends behind the bytes; one that ends behind the referer was cut.
    let user_agent = match referer {
        None => None,
        Some(_) => Some(cursor.field("user_agent")?.ok_or(Malformed::Missing("user_agent"))?),
    };
    let behind = cursor.0.trim_matches(' ');
    let forwarded_for = cursor.forwarded_for()?;
    let is_more = forwarded_for.map_or(!behind.is_empty(), |text| behind.len() != text.len() + 2);
    let further = is_more.then_some(behind);
    let Request { method, target, path, query, first_segment, protocol, odd } = request;
    let text = |text: &'a str| (text != "-" && !text.is_empty()).then_some(Value::Text(Cow::Borrowed(text)));
    let unescaped = |text: &'a str| (text != "-" && !text.is_empty()).then(|| Value::Text(unescape(text)));
    values.clear();
    values.extend([
        text(remote_addr),
        text(ident),
        text(user),
        text(time),
        method.map(Value::Text),
        target.and_then(unescaped),
        path.and_then(unescaped),
        query.and_then(unescaped),
        first_segment.and_then(unescaped),
        protocol.and_then(text),
        status,
        bytes,
        referer.and_then(unescaped),
        // That there was none says something of the visitor.
        user_agent.map(|text| unescaped(text).unwrap_or(Value::Text(Cow::Borrowed(NO_AGENT)))),
        vhost.and_then(text),
        forwarded_for.and_then(unescaped),
        further.and_then(unescaped),
        odd.and_then(unescaped),
    ]);
    Ok(())
}

struct Cursor<'a>(&'a str);

impl<'a> Cursor<'a> {
    /// What stands in front of the bracket that opens the time.
    fn head(&mut self) -> Result<&'a str, Malformed> {
        // A user's name may hold brackets, the text behind the time too: the time is the first that begins like one.
        let mut from = 0;
        while let Some(found) = self.0[from..].find(" [") {
            let (at, rest) = (from + found, &self.0[from + found + 2..]);
            if rest.as_bytes().first().is_some_and(u8::is_ascii_digit) {
                let head = &self.0[..at];
                self.0 = rest;
                return if head.is_empty() { Err(Malformed::Missing("remote_addr")) } else { Ok(head) };
            }
            from = at + 2;
        }
        Err(Malformed::Missing("time"))
    }

    /// The text up to `delimiter`, which is passed over.
    fn until(&mut self, delimiter: char, field: &'static str) -> Result<&'a str, Malformed> {
        let (text, rest) = self.0.split_once(delimiter).ok_or(Malformed::Missing(field))?;
        if text.is_empty() {
            return Err(Malformed::Missing(field));
        }
        self.0 = rest;
        Ok(text)
    }

    /// The text up to the next space, which stays.
    fn word(&mut self, field: &'static str) -> Result<&'a str, Malformed> {
        let (text, rest) = self.0.split_at(self.0.find(' ').unwrap_or(self.0.len()));
        self.0 = rest;
        if text.is_empty() { Err(Malformed::Missing(field)) } else { Ok(text) }
    }

    /// The word behind the space that comes next.
    fn next_word(&mut self, field: &'static str) -> Result<&'a str, Malformed> {
        self.expect(' ', field)?;
        self.word(field)
    }

    /// Passes over what stands in front of `field`.
    fn expect(&mut self, text: char, field: &'static str) -> Result<(), Malformed> {
        self.0 = self.0.strip_prefix(text).ok_or(Malformed::Missing(field))?;
        Ok(())
    }

    /// The text between two quotes, escapes and all. A quote without a backslash ends it only if `ends` says so of what
    /// follows: some servers write the quotes of a client as they are.
    fn quoted(&mut self, field: &'static str, ends: impl Fn(&str) -> bool) -> Result<&'a str, Malformed> {
        let text = self.0.strip_prefix('"').ok_or(Malformed::Missing(field))?;
        // One search for the quote, and for an escape in front of it: most texts have none.
        let mut from = 0;
        while let Some(found) = text[from..].find('"') {
            let end = from + found;
            let backslashes = text[..end].bytes().rev().take_while(|byte| *byte == b'\\').count();
            if backslashes % 2 == 0 && ends(&text[end + 1..]) {
                self.0 = &text[end + 1..];
                return Ok(&text[..end]);
            }
            from = end + 1;
        }
        Err(Malformed::Unclosed(field))
    }

    /// The request line, which a status follows.
    fn request(&mut self) -> Result<&'a str, Malformed> {
        let here = self.0;
        let before_status = |rest: &str| {
            let status = rest.strip_prefix(' ').and_then(|rest| rest.split(' ').next());
            status.is_some_and(|status| status == "-" || is_digits(status))
        };
        self.quoted("request", before_status).or_else(|_| {
            // No status anywhere: the error is to name the status, not the quote.
            self.0 = here;
            self.quoted("request", |_| true)
        })
    }

    /// A quoted text, or a bare one without quotes in it; `None` at the end of the line.
    fn field(&mut self, field: &'static str) -> Result<Option<&'a str>, Malformed> {
        let Some(rest) = self.0.strip_prefix(' ') else {
            return if self.0.is_empty() { Ok(None) } else { Err(Malformed::Missing(field)) };
        };
        self.0 = rest;
        if rest.starts_with('"') {
            let text = self.quoted(field, |rest| rest.is_empty() || rest.starts_with(' '))?;
            return Ok(Some(text));
        }
        if rest.trim().is_empty() {
            self.0 = "";
            return Ok(None);
        }
        let word = self.word(field)?;
        if word.contains('"') { Err(Malformed::Missing(field)) } else { Ok(Some(word)) }
    }

    /// The first quoted field of those that are left. The others are kept as they are: only their quotes must close.
    fn forwarded_for(&mut self) -> Result<Option<&'a str>, Malformed> {
        let mut found = None;
        while let Some(rest) = self.0.strip_prefix(' ') {
            self.0 = rest;
            if rest.starts_with('"') {
                let text = self.quoted("a field behind the agent", |rest| rest.is_empty() || rest.starts_with(' '))?;
                found.get_or_insert(text);
            } else {
                self.0 = &rest[rest.find(' ').unwrap_or(rest.len())..];
            }
        }
        Ok(found)
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A number as JSON has it, or another row of digits as text; `-` is no value.
fn number<'a>(text: &'a str, field: &'static str) -> Result<Option<Value<'a>>, Malformed> {
    if text == "-" {
        return Ok(None);
    }
    if !is_digits(text) {
        return Err(Malformed::NotANumber(field));
    }
    let canonical = text.len() <= 19 && (text == "0" || !text.starts_with('0'));
    let text = Cow::Borrowed(text);
    Ok(Some(if canonical { Value::Scalar(text) } else { Value::Text(text) }))
}

fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        plain.push_str(before);
        let kept = after.chars().next().filter(|next| matches!(next, '"' | '\\'));
        plain.push(kept.unwrap_or('\\'));
        rest = if kept.is_some() { &after[1..] } else { after };
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests;
