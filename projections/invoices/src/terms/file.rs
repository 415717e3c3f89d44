//! The terms of an account as a person writes them.

use super::{
    check::PAYMENT_DAYS_MAX,
    parts::{Cap, Discount, Language, Minimum, Tax, Terms},
};
use crate::{
    error::Error,
    fields::{Fields, Source},
    money::{BasisPoints, Currency},
    party::{Address, Party},
    period::{self, Cycle},
};

/// The most that a share can be.
const WHOLE: u32 = 10_000;

impl Terms {
    /// Reads a file that a person wrote. See `examples/accounts/acme.toml`.
    ///
    /// # Errors
    /// [`Error::File`] with `file`, the line and the field.
    pub fn from_toml(text: &str, file: &str) -> Result<Self, Error> {
        read(text, file)
    }
}

fn read(text: &str, file: &str) -> Result<Terms, Error> {
    let (source, table) = Source::parse(file, text)?;
    let mut fields = Fields::new(source, &table);
    let terms = terms(&mut fields)?;
    fields.finish()?;
    terms.check().map_err(|error| source.locate(&table, error))?;
    Ok(terms)
}

fn terms(fields: &mut Fields<'_>) -> Result<Terms, Error> {
    let currency = fields.parsed("currency", Currency::parse)?;
    let currency = fields.needed("currency", currency)?;
    let series = fields.text("series")?.unwrap_or_else(|| "INV".to_owned());
    let note_series = fields.text("note_series")?.unwrap_or_else(|| "CN".to_owned());
    Ok(Terms {
        advertiser_id: needed_text(fields, "advertiser_id")?,
        valid_from: date(fields, "valid_from")?,
        customer: party_in(fields, "customer")?,
        currency,
        zone: needed_text(fields, "zone")?,
        cycle: fields.parsed("cycle", str::parse)?.unwrap_or(Cycle::Month),
        series,
        note_series,
        payment_days: payment_days(fields)?,
        tax: tax(fields)?,
        language: fields.parsed("language", str::parse)?.unwrap_or(Language::English),
        discounts: discounts(fields)?,
        minimums: amounts(fields, "minimums", currency, |campaign, amount| Minimum { campaign, amount })?,
        caps: amounts(fields, "caps", currency, |campaign, amount| Cap { campaign, amount })?,
        reference: fields.text("reference")?,
    })
}

fn needed_text(fields: &mut Fields<'_>, name: &'static str) -> Result<String, Error> {
    let text = fields.text(name)?;
    fields.needed(name, text)
}

/// A date that must be there.
pub(crate) fn date(fields: &mut Fields<'_>, name: &'static str) -> Result<chrono::NaiveDate, Error> {
    let refused = |text: &str| Error::Field(format!("{text:?} is not a date: write it as in 2026-01-01"));
    let date = fields.parsed(name, |text| period::date(text).ok_or_else(|| refused(text)))?;
    fields.needed(name, date)
}

fn payment_days(fields: &mut Fields<'_>) -> Result<u16, Error> {
    let days = fields.number("payment_days", PAYMENT_DAYS_MAX.into())?;
    let days = fields.needed("payment_days", days)?;
    Ok(u16::try_from(days).expect("at most what a u16 holds"))
}

/// The table of a party.
pub(crate) fn party_in(fields: &mut Fields<'_>, name: &'static str) -> Result<Party, Error> {
    let table = fields.table(name)?;
    let mut fields = fields.needed(name, table)?;
    let address = match fields.table("address")? {
        None => Address::default(),
        Some(mut fields) => {
            let address = Address {
                lines: fields.texts("lines")?,
                city: fields.text("city")?.unwrap_or_default(),
                postcode: fields.text("postcode")?.unwrap_or_default(),
                country: fields.text("country")?.unwrap_or_default(),
            };
            fields.finish()?;
            address
        }
    };
    let party = Party {
        name: needed_text(&mut fields, "name")?,
        address,
        tax_id: fields.text("tax_id")?,
        registration: fields.text("registration")?,
        email: fields.text("email")?,
        // People copy it in groups of four.
        iban: fields.text("iban")?.map(|iban| iban.replace(' ', "")),
        bic: fields.text("bic")?,
    };
    fields.finish()?;
    Ok(party)
}

fn tax(fields: &mut Fields<'_>) -> Result<Tax, Error> {
    let table = fields.table("tax")?;
    let mut fields = fields.needed("tax", table)?;
    let category = fields.parsed("category", str::parse)?;
    let tax = Tax {
        category: fields.needed("category", category)?,
        rate: rate(&mut fields)?.unwrap_or(BasisPoints::ZERO),
        exemption_reason: fields.text("exemption_reason")?,
    };
    fields.finish()?;
    Ok(tax)
}

fn rate(fields: &mut Fields<'_>) -> Result<Option<BasisPoints>, Error> {
    let points = fields.number("rate_basis_points", WHOLE)?;
    points.map(BasisPoints::new).transpose()
}

fn discounts(fields: &mut Fields<'_>) -> Result<Vec<Discount>, Error> {
    let read = |mut fields: Fields<'_>| {
        let campaign = fields.text("campaign")?;
        let rate = rate(&mut fields)?;
        let discount = Discount { campaign, rate: fields.needed("rate_basis_points", rate)? };
        fields.finish()?;
        Ok(discount)
    };
    fields.tables("discounts")?.into_iter().map(read).collect()
}

fn amounts<T>(
    fields: &mut Fields<'_>,
    name: &'static str,
    currency: Currency,
    make: impl Fn(Option<String>, i128) -> T,
) -> Result<Vec<T>, Error> {
    let read = |mut fields: Fields<'_>| {
        let campaign = fields.text("campaign")?;
        let amount = fields.amount("amount", |text| currency.amount(text))?;
        let made = make(campaign, fields.needed("amount", amount)?);
        fields.finish()?;
        Ok(made)
    };
    fields.tables(name)?.into_iter().map(read).collect()
}
