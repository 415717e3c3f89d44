//! A happening, written out as an event. The texts that are not in a table live in buffers that are used again.

use std::borrow::Cow;

use clicktrail_log::{
    event::{Event, Kind},
    time::Timestamp,
};
use uuid::Uuid;

use crate::{
    config::Config,
    dice::mix,
    happening::{ADDRESS_TOOLS, Happening, Visitor},
    market::Market,
    people::{self, DEVICES, TOOLS},
};

/// Sessions begin anew after half an hour.
const SESSION_MICROS: i64 = 1_800_000_000;
/// 100.64.0.0, the first address of the shared address space (RFC 6598).
const IPV4_FIRST: u32 = 0x6440_0000;
const UUID_CHARS: usize = uuid::fmt::Hyphenated::LENGTH;

/// The buffers.
#[derive(Debug)]
pub(super) struct Renderer {
    event_id: [u8; UUID_CHARS],
    click_event_id: [u8; UUID_CHARS],
    user_id: String,
    session_id: String,
    ip: String,
    page_url: String,
}

impl Renderer {
    pub(super) fn new() -> Self {
        Self {
            event_id: [0; UUID_CHARS],
            click_event_id: [0; UUID_CHARS],
            user_id: String::new(),
            session_id: String::new(),
            ip: String::new(),
            page_url: String::new(),
        }
    }

    /// The event of a happening.
    pub(super) fn event<'a>(&'a mut self, config: &Config, market: &'a Market, happening: &Happening) -> Event<'a> {
        let traits = people::traits(config.seed, happening.user, config.addresses);
        let (ad, publisher) = (&market.ads[happening.ad as usize], &market.publishers[happening.publisher as usize]);
        let session = mix(traits.id[1] ^ happening.captured.div_euclid(SESSION_MICROS).unsigned_abs());
        self.user_id.clear();
        self.session_id.clear();
        self.ip.clear();
        self.page_url.clear();
        push_hex(traits.id, &mut self.user_id);
        push_hex([session, mix(session)], &mut self.session_id);
        push_address(happening.address, &mut self.ip);
        self.page_url.push_str(&publisher.page_prefix);
        push_decimal(100_000 + happening.page, &mut self.page_url);
        let uuid = |id: u128, buffer: &'a mut [u8; UUID_CHARS]| -> &'a str {
            Uuid::from_u128(id).hyphenated().encode_lower(buffer)
        };
        let event_id = uuid(happening.id, &mut self.event_id);
        let converts = happening.kind == Kind::Conversion;
        let click_event_id = converts.then(|| Cow::Borrowed(uuid(happening.click_id, &mut self.click_event_id)));
        let (user_agent, is_person) = match happening.visitor {
            Visitor::Person | Visitor::Burst => (DEVICES[usize::from(happening.device)].user_agent, true),
            Visitor::Tool(tool) => (TOOLS[usize::from(tool)], false),
        };
        let declared = &DEVICES[usize::from(happening.declared)];
        let of_person = |text: &'a str| is_person.then_some(Cow::Borrowed(text));
        Event {
            event_id: Cow::Borrowed(event_id),
            kind: happening.kind,
            event_time: Timestamp::from_micros(happening.event_time),
            captured_at: Timestamp::from_micros(happening.captured),
            advertiser_id: Cow::Borrowed(&ad.advertiser_id),
            campaign_id: Cow::Borrowed(&ad.campaign_id),
            ad_id: Cow::Borrowed(&ad.ad_id),
            publisher_id: Some(Cow::Borrowed(&publisher.id)),
            placement_id: Some(Cow::Borrowed(Market::placement(mix(u64::from(happening.page))))),
            user_id: of_person(&self.user_id),
            session_id: of_person(&self.session_id),
            ip: Some(Cow::Borrowed(&self.ip)),
            user_agent: Some(Cow::Borrowed(user_agent)),
            page_url: Some(Cow::Borrowed(&self.page_url)),
            device_type: of_person(declared.device_type),
            os: of_person(declared.os),
            browser: of_person(declared.browser),
            country: of_person(traits.place.0),
            city: of_person(traits.place.1),
            price_micros: if happening.kind == Kind::Click { ad.price_micros } else { 0 },
            currency: Cow::Borrowed(&ad.currency),
            click_event_id,
            value_micros: converts.then_some(happening.value_micros),
            extra: None,
        }
    }
}

fn push_hex(halves: [u64; 2], text: &mut String) {
    for half in halves {
        for shift in (0..64).step_by(4).rev() {
            let digit = u32::try_from((half >> shift) & 0xf).expect("four bits");
            text.push(char::from_digit(digit, 16).expect("a hexadecimal digit"));
        }
    }
}

fn push_decimal(value: u32, text: &mut String) {
    if value >= 10 {
        push_decimal(value / 10, text);
    }
    text.push(char::from_digit(value % 10, 10).expect("a decimal digit"));
}

/// Every eighth user's address is IPv6, in canonical text; those of bots and bursts are IPv4.
fn push_address(number: u32, text: &mut String) {
    if number % 8 == 7 && number < ADDRESS_TOOLS {
        // No group is zero: the text is canonical as it stands.
        for (prefix, group) in [("2001:db8:", (number >> 15) + 1), (":", (number & 0x7fff) << 1 | 1)] {
            text.push_str(prefix);
            let digits = [12, 8, 4, 0].map(|shift| char::from_digit((group >> shift) & 0xf, 16).expect("four bits"));
            text.extend(digits.into_iter().skip_while(|digit| *digit == '0'));
        }
        text.push_str("::1");
        return;
    }
    for (at, byte) in (IPV4_FIRST + number).to_be_bytes().into_iter().enumerate() {
        if at > 0 {
            text.push('.');
        }
        push_decimal(u32::from(byte), text);
    }
}
