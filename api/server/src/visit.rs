//! What a browser's request for a link or a pixel says about an event.

use std::borrow::Cow;

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, Method, Uri, header, request::Parts},
};
use clicktrail_log::{
    event::{CORRECTION, Kind, NO_AGENT},
    ids::Ids,
    time::Timestamp,
};

use crate::{client_address::client_address, gather, problem::Problem, receipts, state::State, store};
use clicktrail_capture::{
    Ads, Aside, Context, Draft, Reason,
    aside::{MEMBER, Why},
    optional::latin1,
    validate,
};
use percent_encoding::percent_decode;

/// Headers by which browsers say that nobody has clicked yet.
const AHEAD_HEADERS: [&str; 4] = ["sec-purpose", "purpose", "x-purpose", "x-moz"];

/// A request for a link or a pixel.
#[derive(Debug)]
pub(super) struct Visit {
    method: Method,
    /// Whether the browser fetches ahead of a person.
    is_ahead: bool,
    wants_receipt: bool,
    query: Vec<Parameter>,
    ip: Option<String>,
    user_agent: Option<String>,
    page_url: Option<String>,
}

/// What a visit is about, as its door knows.
#[derive(Debug)]
pub(super) struct Subject<'a> {
    /// What it becomes: see [`Visit::kind`].
    pub(super) kind: Kind,
    /// The ad, where one is named.
    pub(super) ad_id: Option<&'a str>,
    /// The query parameter that names it, if one does.
    pub(super) own_parameter: Option<&'a str>,
}

impl FromRequestParts<State> for Visit {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Self::Rejection> {
        Ok(Self::of(parts, state))
    }
}

impl Visit {
    /// What a request says.
    pub(super) fn of(parts: &Parts, state: &State) -> Self {
        let peer = parts.extensions.get::<ConnectInfo<std::net::SocketAddr>>().map(|ConnectInfo(peer)| *peer);
        let address = client_address(peer, &parts.headers, state.limits.trusted_hops);
        Self {
            method: parts.method.clone(),
            is_ahead: AHEAD_HEADERS.iter().any(|name| fetches_ahead(&parts.headers, name)),
            wants_receipt: receipts::is_asked(&parts.headers),
            query: query(&parts.uri),
            ip: address.map(|address| address.to_string()),
            user_agent: Some(text_of(&parts.headers, &header::USER_AGENT).unwrap_or_else(|| NO_AGENT.to_owned())),
            page_url: text_of(&parts.headers, &header::REFERER),
        }
    }
}

fn fetches_ahead(headers: &HeaderMap, name: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let mut tokens = values.flat_map(|value| value.split([',', ';']));
    tokens.any(|token| matches!(token.trim().to_ascii_lowercase().as_str(), "prefetch" | "prerender" | "preview"))
}

/// A parameter of a query, decoded.
#[derive(Debug)]
struct Parameter {
    name: String,
    /// Read as Latin-1 if it is no UTF-8.
    value: String,
    /// The value's bytes if they are no UTF-8.
    raw: Option<Vec<u8>>,
}

fn query(uri: &Uri) -> Vec<Parameter> {
    let pairs = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let parameter = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = String::from_utf8(decoded(name)).unwrap_or_else(|error| latin1(error.as_bytes()));
        match String::from_utf8(decoded(value)) {
            Ok(value) => Parameter { name, value, raw: None },
            Err(error) => Parameter { name, value: latin1(error.as_bytes()), raw: Some(error.into_bytes()) },
        }
    };
    pairs.map(parameter).collect()
}

/// As forms are encoded: `+` is a blank, and `%` that no two digits follow stands for itself.
fn decoded(text: &str) -> Vec<u8> {
    if text.contains('+') {
        return percent_decode(text.replace('+', " ").as_bytes()).collect();
    }
    percent_decode(text.as_bytes()).collect()
}

/// A header as text; bytes that are no UTF-8 are read as Latin-1, which loses nothing.
fn text_of(headers: &HeaderMap, name: &header::HeaderName) -> Option<String> {
    let bytes = headers.get(name)?.as_bytes();
    let text = std::str::from_utf8(bytes).map(str::to_owned);
    Some(text.unwrap_or_else(|_| latin1(bytes)))
}

impl Visit {
    /// What it is when a person's visit would be `kind`.
    pub(super) fn kind(&self, kind: Kind) -> Kind {
        if self.method == Method::HEAD {
            Kind::Probe
        } else if self.is_ahead {
            Kind::Prefetch
        } else {
            kind
        }
    }

    /// A query parameter; an empty one (a macro that nobody filled in) counts as missing.
    fn find(&self, name: &str) -> Option<&Parameter> {
        let found = self.query.iter().find(|parameter| parameter.name == name);
        found.filter(|parameter| !parameter.value.is_empty())
    }

    /// The value of a query parameter.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.find(name).map(|parameter| parameter.value.as_str())
    }

    /// The event, with `pub`, `pl`, `uid`, `sid` and `eid` from the query; other parameters are kept as
    /// unknown fields.
    fn draft<'a>(&'a self, subject: &Subject<'a>, now: Timestamp, ids: &dyn Ids) -> Draft<'a> {
        let borrowed = |text: &'a Option<String>| text.as_deref().map(Cow::Borrowed);
        let mut aside = Aside::default();
        let mut column = |name, column| {
            let Parameter { value, raw, .. } = self.find(name)?;
            if let Some(raw) = raw {
                aside.column(column, Why::NotUnicode, raw);
            }
            Some(Cow::Borrowed(value.as_str()))
        };
        let event_id = column("eid", "event_id").or_else(|| Some(Cow::Owned(ids.next(now).to_string())));
        let [publisher_id, placement_id] = [column("pub", "publisher_id"), column("pl", "placement_id")];
        let [user_id, session_id] = [column("uid", "user_id"), column("sid", "session_id")];
        Draft {
            event_id,
            kind: Some(subject.kind),
            event_time: Some(now),
            ad_id: subject.ad_id.map(Cow::Borrowed),
            publisher_id,
            placement_id,
            user_id,
            session_id,
            ip: borrowed(&self.ip),
            user_agent: borrowed(&self.user_agent),
            page_url: borrowed(&self.page_url),
            extra: self.unknown_parameters(subject.own_parameter, &mut aside).map(Cow::Owned),
            aside,
            ..Draft::default()
        }
    }

    /// A JSON object of the query parameters that mean nothing here; of several with one name, the first.
    fn unknown_parameters(&self, own: Option<&str>, aside: &mut Aside) -> Option<String> {
        const KNOWN: [&str; 5] = ["pub", "pl", "uid", "sid", "eid"];
        let mut members = serde_json::Map::new();
        for Parameter { name, value, raw } in &self.query {
            if KNOWN.contains(&name.as_str()) || own == Some(name.as_str()) || members.contains_key(name) {
                continue;
            }
            let why = if name.contains('\0') || value.contains('\0') {
                Some(Why::ControlCharacter)
            } else {
                (name == MEMBER || name == CORRECTION).then_some(Why::Reserved)
            };
            let bytes = raw.as_deref().unwrap_or(value.as_bytes());
            match why {
                Some(why) => aside.field(name, why, bytes),
                None => {
                    if raw.is_some() {
                        aside.field(name, Why::NotUnicode, bytes);
                    }
                    members.insert(name.clone(), value.clone().into());
                }
            }
        }
        (!members.is_empty()).then(|| serde_json::Value::from(members).to_string())
    }

    /// Stores the visit as an event of `kind`; returns once it is durable. `ads` is the caller's snapshot, so that an
    /// ad that it looked up is the ad that is billed. A click on a paused ad is stored as a rejected event, which bills
    /// nobody, and the visitor goes on as if it were not paused: it was not they who paused it. What comes back is the
    /// token of the event's receipt, if one was asked for.
    ///
    /// # Errors
    /// What to tell the client: why it is rejected (and stored as such), or to try again.
    pub(super) async fn capture(
        &self,
        state: &State,
        ads: &Ads,
        source: &str,
        subject: Subject<'_>,
    ) -> Result<Option<String>, Problem> {
        let now = state.clock.now();
        let context = Context { captured_at: now, ads, limits: &state.limits.capture };
        let pushed = match validate::event(self.draft(&subject, now, &*state.ids), &context) {
            Ok(event) => {
                let kept = self.wants_receipt.then(|| receipts::Kept::of(&event));
                gather::push(state, &event, self.wants_receipt).map(|waiting| (waiting, kept))
            }
            Err(reason) => {
                let original = self.draft(&subject, now, &*state.ids).to_json();
                let (what, original) = ((reason.code(), reason.to_string()), original.as_bytes());
                // Everything else is about somebody's ad, and is evidence.
                if matches!(reason, Reason::UnknownAd(_)) && !state.strangers.keep(original.len(), now) {
                    state.tally.received.increment(1);
                    state.tally.sampled_out.increment(1);
                    return Err(Problem::from(&reason));
                }
                store::keep_rejected(state, source, (what.0, &what.1), original, now).await?;
                return match reason {
                    Reason::AdPaused(_) => Ok(None),
                    other => Err(Problem::from(&other)),
                };
            }
        };
        let stored = match pushed {
            Ok((waiting, None)) => waiting.done(state).await.map(|()| None),
            Ok((waiting, Some(kept))) => {
                waiting.placed(state).await.map(|stands| stands.and_then(|stands| kept.token(state, stands)))
            }
            Err(error) => Err(error),
        };
        stored.map_err(|error| Problem::from(&error))
    }
}
