//! What stands in front of the time in an access log: perhaps a virtual host, the client, ident and user.

use super::{address, value::Malformed};

/// The front of a line, taken apart; `-` stands for what is not known.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Client<'a> {
    pub(super) vhost: Option<&'a str>,
    /// An address, a host name, or a list of them.
    pub(super) remote_addr: &'a str,
    pub(super) ident: &'a str,
    /// It may hold spaces.
    pub(super) user: &'a str,
}

/// Takes the front of a line apart. A virtual host stands in front of an address, or of a name that exactly ident and
/// user follow (`ads.example:443 host.example - -`).
pub(super) fn parse(head: &str) -> Result<Client<'_>, Malformed> {
    let head = head.trim_matches(' ');
    let (first, after_first) = item(head);
    if first.is_empty() {
        return Err(Malformed::Missing("remote_addr"));
    }
    let (second, after_second) = item(after_first);
    let has_vhost = match after_second.split(' ').collect::<Vec<_>>()[..] {
        _ if address::is_address(second) => true,
        ["-", user] => !address::is_address(first) && (second != "-" || user == "-"),
        _ => false,
    };
    let (vhost, remote_addr, rest) =
        if has_vhost { (Some(first), second, after_second) } else { (None, first, after_first) };
    let (ident, user) = rest.split_once(' ').unwrap_or((rest, "-"));
    let or_none = |text: &'static str| move |given: &&str| if given.is_empty() { Some(text) } else { None };
    let ident = or_none("-")(&ident).unwrap_or(ident);
    Ok(Client { vhost, remote_addr, ident, user: user.trim_matches(' ') })
}

/// The next item, which goes on behind a comma, and what follows it.
fn item(text: &str) -> (&str, &str) {
    let mut end = 0;
    loop {
        end += text[end..].find(' ').unwrap_or(text.len() - end);
        let rest = text[end..].trim_start_matches(' ');
        if rest.is_empty() || !(text[..end].ends_with(',') || rest.starts_with(',')) {
            return (&text[..end], rest);
        }
        end = text.len() - rest.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn virtual_host_client_ident_and_user_are_told_apart() {
        for (head, vhost, remote_addr, ident, user) in [
            ("10.0.0.1 - -", None, "10.0.0.1", "-", "-"),
            ("::1 id John Doe", None, "::1", "id", "John Doe"),
            ("10.0.0.1 - John - Doe", None, "10.0.0.1", "-", "John - Doe"),
            ("host.example - -", None, "host.example", "-", "-"),
            ("host.example id John Doe", None, "host.example", "id", "John Doe"),
            ("host.example - John", None, "host.example", "-", "John"),
            ("- - -", None, "-", "-", "-"),
            ("unknown - -", None, "unknown", "-", "-"),
            ("10.0.0.1, 10.0.0.2 - -", None, "10.0.0.1, 10.0.0.2", "-", "-"),
            ("10.0.0.1,10.0.0.2 , unknown - bob", None, "10.0.0.1,10.0.0.2 , unknown", "-", "bob"),
            ("ads.example 10.0.0.1 - -", Some("ads.example"), "10.0.0.1", "-", "-"),
            ("ads.example:443 10.0.0.1, 10.0.0.2 - bob", Some("ads.example:443"), "10.0.0.1, 10.0.0.2", "-", "bob"),
            ("ads.example [2001:db8::1]:443 - -", Some("ads.example"), "[2001:db8::1]:443", "-", "-"),
            ("ads.example:443 host.example - -", Some("ads.example:443"), "host.example", "-", "-"),
            ("ads.example:443 - - -", Some("ads.example:443"), "-", "-", "-"),
            ("10.0.0.9 10.0.0.1 - -", Some("10.0.0.9"), "10.0.0.1", "-", "-"),
            ("10.0.0.1", None, "10.0.0.1", "-", "-"),
            ("10.0.0.1 -", None, "10.0.0.1", "-", "-"),
        ] {
            assert_eq!(parse(head).unwrap(), Client { vhost, remote_addr, ident, user }, "{head}");
        }
        assert!(parse(" ").is_err());
    }
}
