//! The request line of an access log, however a client spelled it.
//!
//! | spelled | read as |
//! |---|---|
//! | `GET /path?query HTTP/1.1` | method, target, protocol |
//! | `GET /path` | no protocol (HTTP/0.9) |
//! | `get /path http/1.1` | the method in capitals |
//! | `GET http://host/path HTTP/1.1` | the target as it is, the path without scheme and host |
//! | `GET /a b HTTP/1.1` | a space belongs to the target |
//! | nothing, `-`, or bytes of another protocol | no method and no target |

use std::borrow::Cow;

/// A request line, taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Request<'a> {
    /// In capitals.
    pub(super) method: Option<Cow<'a, str>>,
    /// As it stands.
    pub(super) target: Option<&'a str>,
    /// The target without scheme, host and query.
    pub(super) path: Option<&'a str>,
    pub(super) query: Option<&'a str>,
    pub(super) first_segment: Option<&'a str>,
    pub(super) protocol: Option<&'a str>,
    /// The whole line, unless it is `METHOD /target HTTP/…`.
    pub(super) odd: Option<&'a str>,
}

/// Takes a request line apart. Nothing is an error: what a request must have, the mapping decides.
pub(super) fn parse(line: &str) -> Request<'_> {
    let trimmed = line.trim_matches(' ');
    let (method, rest) = trimmed.split_once(' ').unwrap_or((trimmed, ""));
    if !is_method(method) {
        return Request { odd: Some(line), ..Request::default() };
    }
    let rest = rest.trim_matches(' ');
    let (target, protocol) = match rest.rsplit_once(' ') {
        Some((target, protocol)) if is_protocol(protocol) => (target.trim_end_matches(' '), Some(protocol)),
        Some(_) | None if is_protocol(rest) => ("", Some(rest)),
        Some(_) | None => (rest, None),
    };
    let (whole_path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let path = path_of(whole_path);
    let is_usual = path == whole_path && protocol.is_some_and(|protocol| protocol.starts_with("HTTP/"));
    let capitals = method.bytes().all(|byte| !byte.is_ascii_lowercase());
    let segment = path.strip_prefix('/').and_then(|rest| rest.split('/').next());
    Request {
        method: Some(if capitals { Cow::Borrowed(method) } else { Cow::Owned(method.to_ascii_uppercase()) }),
        target: (!target.is_empty()).then_some(target),
        path: (!target.is_empty()).then_some(path),
        query,
        first_segment: segment.filter(|name| !name.is_empty()),
        protocol,
        odd: (!(is_usual && capitals && !target.is_empty())).then_some(line),
    }
}

/// A name as methods have it: letters, and `-` or `_` between them.
fn is_method(text: &str) -> bool {
    let letters = text.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'_'));
    letters && text.len() <= 32 && text.starts_with(|first: char| first.is_ascii_alphabetic())
}

fn is_protocol(text: &str) -> bool {
    text.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("HTTP/"))
}

/// `http://host/path` is `/path`, `http://host` is `/`.
fn path_of(target: &str) -> &str {
    if target.starts_with('/') {
        return target;
    }
    let Some((scheme, rest)) = target.split_once("://") else { return target };
    if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return target;
    }
    rest.find('/').map_or("/", |at| &rest[at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    type Parts<'a> = (Option<&'a str>, Option<&'a str>, Option<&'a str>, Option<&'a str>, bool);

    #[track_caller]
    fn check(line: &str, expected: Parts<'_>) {
        let Request { method, path, query, protocol, odd, .. } = parse(line);
        assert_eq!((method.as_deref(), path, query, protocol, odd.is_some()), expected, "{line}");
        assert!(odd.is_none_or(|odd| odd == line));
    }

    #[test]
    fn a_request_is_understood_however_it_is_spelled() {
        check("GET /a?b=c HTTP/1.1", (Some("GET"), Some("/a"), Some("b=c"), Some("HTTP/1.1"), false));
        check("GET /a HTTP/2.0", (Some("GET"), Some("/a"), None, Some("HTTP/2.0"), false));
        check("GET /a", (Some("GET"), Some("/a"), None, None, true));
        check("get /a http/1.1", (Some("GET"), Some("/a"), None, Some("http/1.1"), true));
        check("Post /a HTTP/1.1", (Some("POST"), Some("/a"), None, Some("HTTP/1.1"), true));
        check("GET http://h.example:80/a?x HTTP/1.1", (Some("GET"), Some("/a"), Some("x"), Some("HTTP/1.1"), true));
        check("GET HTTPS://h.example HTTP/1.1", (Some("GET"), Some("/"), None, Some("HTTP/1.1"), true));
        check("GET /a b c HTTP/1.1", (Some("GET"), Some("/a b c"), None, Some("HTTP/1.1"), false));
        check("GET  /a  HTTP/1.1", (Some("GET"), Some("/a"), None, Some("HTTP/1.1"), false));
        check("GET /a b", (Some("GET"), Some("/a b"), None, None, true));
        check("OPTIONS * HTTP/1.1", (Some("OPTIONS"), Some("*"), None, Some("HTTP/1.1"), false));
        check("GET /http://x/y HTTP/1.1", (Some("GET"), Some("/http://x/y"), None, Some("HTTP/1.1"), false));
    }

    #[test]
    fn what_is_no_request_has_no_method() {
        check("GET", (Some("GET"), None, None, None, true));
        check("GET HTTP/1.1", (Some("GET"), None, None, Some("HTTP/1.1"), true));
        for line in ["", " ", "-", r"\x16\x03\x01\x02", "\u{16}\u{3} /a HTTP/1.1", "{\"id\": 1}", "é /a HTTP/1.1"] {
            check(line, (None, None, None, None, true));
        }
    }
}
