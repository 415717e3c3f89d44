//! The access log of a web server in *combined* format, line by line.
//!
//! `%h %l %u [%t] "%r" %>s %b "%{Referer}i" "%{User-Agent}i"`, as Apache and nginx write it. Strict: every field is
//! there, and nothing follows the last. A quoted text may hold `\"` and `\\`; other escapes (`\xe4`) stand for bytes
//! that the server would not write, and stay as they are.

use std::borrow::Cow;

use super::value::{Malformed, Value};

/// What a mapping may name. `path` is the request's target without its query, `first_segment` the text between the
/// first two slashes of the path.
pub(super) const FIELDS: [&str; 14] = [
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
];

/// The fields of a line in the order of [`FIELDS`]; `-` is no value.
pub(super) fn parse<'a>(line: &'a str, values: &mut Vec<Option<Value<'a>>>) -> Result<(), Malformed> {
    let mut cursor = Cursor(line);
    let remote_addr = cursor.until(' ', "remote_addr")?;
    let ident = cursor.until(' ', "ident")?;
    let user = cursor.user()?;
    let time = cursor.until(']', "time")?;
    cursor.expect(' ', "request")?;
    let (method, target, protocol) = request(cursor.quoted("request")?)?;
    cursor.expect(' ', "status")?;
    let status = number(cursor.until(' ', "status")?, "status")?;
    let bytes = cursor.until(' ', "bytes")?;
    let bytes = if bytes == "-" { bytes } else { number(bytes, "bytes")? };
    let referer = cursor.quoted("referer")?;
    cursor.expect(' ', "user_agent")?;
    let user_agent = cursor.quoted("user_agent")?;
    if !cursor.0.is_empty() {
        return Err(Malformed::Trailing("user_agent"));
    }
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let first_segment = path.strip_prefix('/').and_then(|rest| rest.split('/').next()).filter(|name| !name.is_empty());
    let text = |text: &'a str| (text != "-").then_some(Value::Text(Cow::Borrowed(text)));
    let unescaped = |text: &'a str| (text != "-" && !text.is_empty()).then(|| Value::Text(unescape(text)));
    values.clear();
    values.extend([
        text(remote_addr),
        text(ident),
        text(user),
        text(time),
        text(method),
        unescaped(target),
        unescaped(path),
        query.and_then(unescaped),
        first_segment.and_then(unescaped),
        text(protocol),
        Some(Value::Scalar(Cow::Borrowed(status))),
        (bytes != "-").then_some(Value::Scalar(Cow::Borrowed(bytes))),
        unescaped(referer),
        unescaped(user_agent),
    ]);
    Ok(())
}

struct Cursor<'a>(&'a str);

impl<'a> Cursor<'a> {
    /// The text up to `delimiter`, which is passed over.
    fn until(&mut self, delimiter: char, field: &'static str) -> Result<&'a str, Malformed> {
        let (text, rest) = self.0.split_once(delimiter).ok_or(Malformed::Missing(field))?;
        if text.is_empty() {
            return Err(Malformed::Missing(field));
        }
        self.0 = rest;
        Ok(text)
    }

    /// The user, who may be named with spaces, and the bracket that opens the time.
    fn user(&mut self) -> Result<&'a str, Malformed> {
        let missing = Malformed::Missing("user");
        let (user, rest) = match self.0.strip_prefix("- [") {
            Some(rest) => ("-", rest),
            None => self.0.split_once(" [").ok_or(missing.clone())?,
        };
        self.0 = rest;
        if user.is_empty() { Err(missing) } else { Ok(user) }
    }

    /// Passes over what stands in front of `field`.
    fn expect(&mut self, text: char, field: &'static str) -> Result<(), Malformed> {
        self.0 = self.0.strip_prefix(text).ok_or(Malformed::Missing(field))?;
        Ok(())
    }

    /// The text between two quotes, escapes and all.
    fn quoted(&mut self, field: &'static str) -> Result<&'a str, Malformed> {
        let text = self.0.strip_prefix('"').ok_or(Malformed::Missing(field))?;
        // One search for the quote, and for an escape in front of it: most texts have none.
        let mut from = 0;
        while let Some(found) = text[from..].find('"') {
            let end = from + found;
            let backslashes = text[..end].bytes().rev().take_while(|byte| *byte == b'\\').count();
            if backslashes % 2 == 0 {
                self.0 = &text[end + 1..];
                return Ok(&text[..end]);
            }
            from = end + 1;
        }
        Err(Malformed::Unclosed(field))
    }
}

/// Method, target and protocol of `GET /path HTTP/1.1`.
fn request(request: &str) -> Result<(&str, &str, &str), Malformed> {
    let (method, rest) = request.split_once(' ').ok_or(Malformed::Missing("target"))?;
    let (target, protocol) = rest.rsplit_once(' ').ok_or(Malformed::Missing("protocol"))?;
    if method.is_empty() {
        return Err(Malformed::Missing("method"));
    }
    if target.is_empty() {
        return Err(Malformed::Missing("target"));
    }
    if !protocol.starts_with("HTTP/") {
        return Err(Malformed::Missing("protocol"));
    }
    Ok((method, target, protocol))
}

fn number<'a>(text: &'a str, field: &'static str) -> Result<&'a str, Malformed> {
    let digits = !text.is_empty() && text.len() <= 19 && text.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = text == "0" || !text.starts_with('0');
    if digits && canonical { Ok(text) } else { Err(Malformed::NotANumber(field)) }
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
mod tests {
    use super::*;

    const LINE: &str = r#"83.149.9.216 - - [17/May/2015:10:05:03 +0000] "GET /blog/tags/x?flav=rss20&a=b HTTP/1.1" 200 203023 "http://example.com/" "Mozilla/5.0 (Macintosh)""#;

    fn field(line: &str, name: &str) -> Option<String> {
        let mut values = Vec::new();
        parse(line, &mut values).unwrap();
        let at = FIELDS.iter().position(|field| *field == name).unwrap();
        values.swap_remove(at).map(|value| value.into_text().unwrap().into_owned())
    }

    fn error(line: &str) -> String {
        parse(line, &mut Vec::new()).unwrap_err().to_string()
    }

    #[test]
    fn every_field_of_a_line_is_found() {
        for (name, expected) in [
            ("remote_addr", Some("83.149.9.216")),
            ("ident", None),
            ("user", None),
            ("time", Some("17/May/2015:10:05:03 +0000")),
            ("method", Some("GET")),
            ("target", Some("/blog/tags/x?flav=rss20&a=b")),
            ("path", Some("/blog/tags/x")),
            ("query", Some("flav=rss20&a=b")),
            ("first_segment", Some("blog")),
            ("protocol", Some("HTTP/1.1")),
            ("status", Some("200")),
            ("bytes", Some("203023")),
            ("referer", Some("http://example.com/")),
            ("user_agent", Some("Mozilla/5.0 (Macintosh)")),
        ] {
            assert_eq!(field(LINE, name).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn absent_values_and_odd_users_are_understood() {
        let line = r#"::1 id John Doe [17/May/2015:10:05:03 +0000] "HEAD / HTTP/1.0" 304 - "-" "-""#;
        assert_eq!(field(line, "user").as_deref(), Some("John Doe"));
        for name in ["bytes", "referer", "user_agent", "first_segment", "query"] {
            assert_eq!(field(line, name), None, "{name}");
        }
    }

    #[test]
    fn escaped_quotes_belong_to_the_text() {
        let line = LINE.replace("(Macintosh)", r#"\"odd\" \\ \xe4"#);
        assert_eq!(field(&line, "user_agent").as_deref(), Some(r#"Mozilla/5.0 "odd" \ \xe4"#));
        let line = LINE.replace("(Macintosh)", r"ends in \\");
        assert_eq!(field(&line, "user_agent").as_deref(), Some(r"Mozilla/5.0 ends in \"));
    }

    #[test]
    fn a_line_cut_anywhere_is_refused() {
        for end in 0..LINE.len() {
            assert!(parse(&LINE[..end], &mut Vec::new()).is_err(), "{}", &LINE[..end]);
        }
    }

    #[test]
    fn the_error_names_what_is_missing() {
        for (line, expected) in [
            (LINE.trim_end_matches('"').to_owned(), "user_agent has no closing quote"),
            (LINE.replace("[17", "17"), "user is missing or stands in the wrong place"),
            (LINE.replace(" HTTP/1.1", ""), "protocol is missing or stands in the wrong place"),
            (LINE.replace(" 200 ", " ok "), "status is not a number"),
            (LINE.replace(" 203023 ", " -1 "), "bytes is not a number"),
            (format!("{LINE} 17"), "there is text after user_agent"),
            (
                LINE.replace("GET /blog/tags/x?flav=rss20&a=b HTTP/1.1", "-"),
                "target is missing or stands in the wrong place",
            ),
            (String::new(), "remote_addr is missing or stands in the wrong place"),
        ] {
            assert_eq!(error(&line), expected, "{line}");
        }
    }
}
