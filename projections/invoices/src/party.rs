//! Who sells and who buys, as an invoice names them.

use crate::{error::Error, fields::check_text};

/// Bytes of a name and of each line of an address.
const LINE_BYTES_MAX: usize = 512;
/// Lines of an address between the name and the city.
const LINES_MAX: usize = 6;
/// Bytes of an id that an authority or a bank gave.
const ID_BYTES_MAX: usize = 64;
/// Bytes of an address for mail, by RFC 5321.
const EMAIL_BYTES_MAX: usize = 254;
/// Codes of places that are no countries of ISO 3166 and stand in addresses of invoices: Northern Ireland and Kosovo,
/// as the code list of EN 16931 has them.
const OTHER_COUNTRIES: [&str; 2] = ["XI", "1A"];

/// A person or a company. A text that is not known is empty: `missing` says what an invoice lacks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Party {
    /// The legal name (EN 16931: BT-27, BT-44).
    pub name: String,
    /// Where it is (BG-5, BG-8).
    pub address: Address,
    /// The VAT or tax number (BT-31, BT-48).
    pub tax_id: Option<String>,
    /// The number in a register (BT-30, BT-47).
    pub registration: Option<String>,
    /// Where invoices and questions go (BT-43, BT-58).
    pub email: Option<String>,
    /// The account that is paid to (BT-84), without spaces.
    pub iban: Option<String>,
    /// The bank of that account (BT-86).
    pub bic: Option<String>,
}

/// A postal address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Address {
    /// Street and number, and whatever stands above the city (BT-35, BT-36, BT-162).
    pub lines: Vec<String>,
    /// The city (BT-37, BT-52).
    pub city: String,
    /// The postal code (BT-38, BT-53).
    pub postcode: String,
    /// ISO 3166-1 alpha-2 (BT-40, BT-55).
    pub country: String,
}

impl Party {
    /// What every invoice needs of a party and this one lacks, each by its name behind `whose`.
    pub(crate) fn missing(&self, whose: &str) -> Vec<String> {
        let needed = [("name", &self.name), ("address.country", &self.address.country)];
        let empty = needed.into_iter().filter(|(_, text)| text.is_empty());
        empty.map(|(name, _)| format!("{whose}.{name}")).collect()
    }

    /// Checks what it holds.
    ///
    /// # Errors
    /// [`Error::Field`] begins with the field that is wrong.
    pub fn check(&self) -> Result<(), Error> {
        let Address { lines, city, postcode, country } = &self.address;
        check_text("name", &self.name, LINE_BYTES_MAX)?;
        if lines.len() > LINES_MAX {
            return Err(Error::Field(format!("address.lines: more than {LINES_MAX} lines")));
        }
        for line in lines {
            check_text("address.lines", line, LINE_BYTES_MAX)?;
        }
        check_text("address.city", city, LINE_BYTES_MAX)?;
        check_text("address.postcode", postcode, ID_BYTES_MAX)?;
        check_country(country)?;
        let optional = [
            ("tax_id", &self.tax_id, ID_BYTES_MAX),
            ("registration", &self.registration, LINE_BYTES_MAX),
            ("email", &self.email, EMAIL_BYTES_MAX),
        ];
        for (name, text, max) in optional {
            let Some(text) = text else { continue };
            check_text(name, text, max)?;
            if text.trim().is_empty() {
                return Err(Error::Field(format!("{name}: is empty: leave it out")));
            }
        }
        if self.email.as_ref().is_some_and(|email| !is_email(email)) {
            return Err(Error::Field("email: is no address, as in billing@example.com".to_owned()));
        }
        self.iban.as_deref().map_or(Ok(()), check_iban)?;
        self.bic.as_deref().map_or(Ok(()), check_bic)
    }
}

fn check_country(code: &str) -> Result<(), Error> {
    let is_known = code.parse::<iso_currency::Country>().is_ok() || OTHER_COUNTRIES.contains(&code);
    match code.is_empty() || is_known {
        true => Ok(()),
        false => Err(Error::Field(format!("address.country: {code:?} is no country of ISO 3166-1: write it as in DE"))),
    }
}

fn is_email(text: &str) -> bool {
    let is_plain = !text.contains(char::is_whitespace);
    text.split_once('@').is_some_and(|(name, host)| is_plain && !name.is_empty() && !host.is_empty())
}

/// ISO 13616: two letters, two digits, up to thirty letters and digits, and a checksum over all of it.
fn check_iban(iban: &str) -> Result<(), Error> {
    let wrong = |why: &str| Err(Error::Field(format!("iban: {why}")));
    let bytes = iban.as_bytes();
    let is_plain = bytes.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    if !(15..=34).contains(&bytes.len()) || !is_plain || !bytes[..2].iter().all(u8::is_ascii_uppercase) {
        return wrong("must be a country's two letters and 13 to 32 letters and digits");
    }
    let turned = bytes[4..].iter().chain(&bytes[..4]);
    let rest = turned.fold(0_u32, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        letter => (rest * 100 + u32::from(letter - b'A') + 10) % 97,
    });
    match rest {
        1 => Ok(()),
        _ => wrong("its check digits do not fit: a digit is wrong or two are swapped"),
    }
}

/// ISO 9362: eight or eleven letters and digits.
fn check_bic(bic: &str) -> Result<(), Error> {
    let is_plain = bic.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    match (bic.len(), is_plain) {
        (8 | 11, true) => Ok(()),
        (_, true | false) => Err(Error::Field("bic: must be 8 or 11 capitals and digits".to_owned())),
    }
}

#[cfg(test)]
mod tests;
