//! Requests of the IAB Tech Lab's Data Deletion Request Framework (versions 1 and 2): whom they are about.
//!
//! A request is a JWT (`rqJWT`), whose payload names one identifier by `identifierValue`, `identifierType` and
//! `identifierFormat`; in version 1 these stand in the token of the first party inside it (`idJWT`). Which types there
//! are, each recipient says of itself in its `dsrdelete.json`. Checking signatures takes the keys of two domains, so
//! it belongs to whoever receives requests, and is not done here.

use std::{fs, path::Path};

use anyhow::{Context as _, bail, ensure};
use clicktrail_log::archive::erasure::Person;
use serde::Deserialize;

/// The largest file.
const BYTES_MAX: u64 = 1 << 20;
/// Types of identifiers that are addresses.
const ADDRESS_TYPES: [&str; 5] = ["ip", "ipv4", "ipv6", "ip_address", "ipaddress"];
/// Types that are ids of users, unless others are named.
const USER_TYPES: [&str; 5] = ["user_id", "userid", "uid", "session_id", "sessionid"];
/// Formats of values as they are: an address in another form cannot be looked for.
const PLAIN: [&str; 6] = ["", "plain", "plaintext", "text", "raw", "none"];

/// What a request says, as far as it is used.
#[derive(Deserialize)]
struct Claims {
    #[serde(rename = "identifierValue")]
    value: Option<String>,
    #[serde(rename = "identifierType")]
    kind: Option<String>,
    #[serde(rename = "identifierFormat")]
    format: Option<String>,
    /// Version 1: the token of the first party, which has the identifier.
    #[serde(rename = "idJWT")]
    first_party: Option<String>,
}

/// Whom the request in a file is about.
pub(super) fn read(path: &Path, user_types: &[String]) -> anyhow::Result<Person> {
    let place = || format!("read {}", path.display());
    let size = fs::metadata(path).with_context(place)?.len();
    ensure!(size <= BYTES_MAX, "{} has {size} bytes: this is no deletion request", path.display());
    let text = fs::read_to_string(path).with_context(place)?;
    person(text.trim(), user_types).with_context(place)
}

fn person(text: &str, user_types: &[String]) -> anyhow::Result<Person> {
    let claims = claims(text)?;
    let claims = match (&claims.value, &claims.first_party) {
        (None, Some(token)) => self::claims(token.trim()).context("read idJWT")?,
        _ => claims,
    };
    let Claims { value, kind, format, .. } = claims;
    let value = value.context("the request names no identifierValue")?;
    let kind = kind.context("the request names no identifierType")?.to_ascii_lowercase();
    let format = format.unwrap_or_default().to_ascii_lowercase();
    if ADDRESS_TYPES.contains(&kind.as_str()) {
        ensure!(PLAIN.contains(&format.as_str()), "identifierFormat {format:?} of an address cannot be looked for");
        return Person::address(&value).map_err(anyhow::Error::msg).context("identifierValue");
    }
    let is_user = match user_types {
        [] => USER_TYPES.contains(&kind.as_str()),
        named => named.iter().any(|named| named.eq_ignore_ascii_case(&kind)),
    };
    if !is_user {
        bail!("identifierType {kind:?} is none that is known here: name it with --user-type if it is an id of users")
    }
    // Whatever form it has, it is the form in which clients sent it.
    Person::user(&value).map_err(anyhow::Error::msg).context("identifierValue")
}

/// What a token, or the JSON of its payload, says.
fn claims(text: &str) -> anyhow::Result<Claims> {
    if text.starts_with('{') {
        return serde_json::from_str(text).context("the request is no JSON object that is known");
    }
    let mut pieces = text.split('.');
    let (Some(_), Some(payload), Some(_), None) = (pieces.next(), pieces.next(), pieces.next(), pieces.next()) else {
        bail!("the request is neither JSON nor a JWT")
    };
    let bytes = unbase64url(payload).context("the payload of the JWT is not base64url")?;
    serde_json::from_slice(&bytes).context("the payload of the JWT is no JSON object that is known")
}

fn unbase64url(text: &str) -> Option<Vec<u8>> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0_u32);
    for letter in text.trim_end_matches('=').bytes() {
        let value = LETTERS.iter().position(|known| *known == letter)?;
        bits = bits << 6 | u32::try_from(value).ok()?;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).ok()?);
            bits &= (1 << held) - 1;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use clicktrail_log::archive::erasure::Kind;

    use super::*;

    fn base64url(text: &str) -> String {
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut out = String::new();
        for chunk in text.as_bytes().chunks(3) {
            let number =
                chunk.iter().fold(0_usize, |number, byte| number << 8 | usize::from(*byte)) << (8 * (3 - chunk.len()));
            (0..=chunk.len()).for_each(|at| out.push(char::from(LETTERS[number >> (18 - 6 * at) & 63])));
        }
        out
    }

    fn token(payload: &str) -> String {
        format!("{}.{}.c2ln", base64url("{\"typ\":\"JWT\",\"alg\":\"RS256\",\"kid\":\"k1\"}"), base64url(payload))
    }

    const CLAIMS: &str = r#"{"version":"2.0","orJWT":"a.b.c","jti":"j","iss":"vendor.example","iat":1693459424,
        "identifierValue":"VALUE","identifierType":"TYPE","identifierFormat":"FORMAT"}"#;

    fn claims(value: &str, kind: &str, format: &str) -> String {
        CLAIMS.replace("VALUE", value).replace("TYPE", kind).replace("FORMAT", format)
    }

    #[track_caller]
    fn check(text: &str, expected: Result<(Kind, &str), &str>) {
        let found = person(text, &[]);
        match expected {
            Ok((kind, value)) => {
                let found = found.unwrap();
                assert_eq!((found.kind(), found.value()), (kind, value));
            }
            Err(said) => {
                let error = format!("{:#}", found.unwrap_err());
                assert!(error.contains(said), "{error}");
            }
        }
    }

    #[test]
    fn requests_are_read_as_tokens_of_both_versions_and_as_json() {
        check(&claims("u-1", "user_id", "plain"), Ok((Kind::User, "u-1")));
        check(&token(&claims("28f6dc889e", "uid", "sha256")), Ok((Kind::User, "28f6dc889e")));
        check(&token(&claims("::ffff:203.0.113.9", "IPv4", "plaintext")), Ok((Kind::Address, "203.0.113.9")));
        let first_party = token(&claims("u-2", "user_id", ""));
        check(&token(&format!("{{\"version\":\"1.0\",\"idJWT\":\"{first_party}\"}}")), Ok((Kind::User, "u-2")));
        let named = person(&claims("a@b.example", "email", "plain"), &["Email".to_owned()]).unwrap();
        assert_eq!(named.value(), "a@b.example");
    }

    #[test]
    fn what_cannot_be_looked_for_is_refused() {
        check(&claims("a@b.example", "email", "plain"), Err("--user-type"));
        check(&claims("28f6dc", "ip", "sha256"), Err("identifierFormat"));
        check(&claims("nowhere", "ip", "plain"), Err("identifierValue"));
        check("{\"version\":\"2.0\"}", Err("identifierValue"));
        check("a.b", Err("neither JSON nor a JWT"));
        check("a.!.c", Err("base64url"));
        check("[]", Err("neither JSON nor a JWT"));
    }
}
