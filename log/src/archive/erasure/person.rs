//! Who is to be erased: a user, by an id, or an address.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

/// What somebody is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An id of a user or of a session.
    User,
    /// An IP address.
    Address,
}

impl Kind {
    /// `user`, `address`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Address => "address",
        }
    }
}

/// Somebody. It is shown nowhere: nothing that is written may repeat it.
#[derive(Clone, PartialEq, Eq)]
pub struct Person {
    kind: Kind,
    value: String,
}

/// The longest value that is looked for.
const VALUE_BYTES_MAX: usize = 4_096;

impl Person {
    /// By an id.
    ///
    /// # Errors
    /// If it cannot be one.
    pub fn user(id: &str) -> Result<Self, &'static str> {
        match id.trim() {
            "" => Err("the id is empty"),
            id if id.len() > VALUE_BYTES_MAX => Err("the id is too long"),
            id => Ok(Self { kind: Kind::User, value: id.to_owned() }),
        }
    }

    /// By an address, however it is written.
    ///
    /// # Errors
    /// If it is none.
    pub fn address(text: &str) -> Result<Self, &'static str> {
        let address = address_of(text.trim()).ok_or("this is no IP address")?;
        Ok(Self { kind: Kind::Address, value: address })
    }

    /// What it is known by.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The value, for whoever looks for it.
    pub fn value(&self) -> &str {
        &self.value
    }
}

/// Says what it is known by, and not the value.
impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Person({}, …)", self.kind.as_str())
    }
}

/// An address in its canonical form: `::ffff:1.2.3.4` is `1.2.3.4`, and a port or brackets do not count.
pub(super) fn address_of(text: &str) -> Option<String> {
    if !text.contains(['.', ':']) {
        return None;
    }
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let parsed = bare.parse::<IpAddr>().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()));
    parsed.map(|address| address.to_canonical().to_string())
}
