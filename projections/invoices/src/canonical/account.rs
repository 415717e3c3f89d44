//! Parties, terms and sellers, as they are stored.

use std::borrow::Cow;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::{
    amounts::amount,
    stored::Stored,
    text::{self, owned, some},
};
use crate::{
    error::Error,
    money::{self, BasisPoints, Currency},
    party,
    period::Cycle,
    seller,
    terms::{self, Language, TaxCategory},
};

/// Terms. The order of the fields is their order in the text: frozen with version 1.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Terms<'t> {
    #[serde(borrow)]
    format: Cow<'t, str>,
    #[serde(borrow)]
    advertiser_id: Cow<'t, str>,
    #[serde(with = "text")]
    valid_from: NaiveDate,
    #[serde(borrow)]
    customer: Party<'t>,
    #[serde(borrow)]
    currency: Cow<'t, str>,
    decimals: u8,
    #[serde(borrow)]
    zone: Cow<'t, str>,
    #[serde(with = "text")]
    cycle: Cycle,
    #[serde(borrow)]
    series: Cow<'t, str>,
    #[serde(borrow)]
    note_series: Cow<'t, str>,
    payment_days: u16,
    #[serde(borrow)]
    tax: Tax<'t>,
    #[serde(with = "text")]
    language: Language,
    #[serde(borrow)]
    discounts: Vec<Discount<'t>>,
    #[serde(borrow)]
    minimums: Vec<Amount<'t>>,
    #[serde(borrow)]
    caps: Vec<Amount<'t>>,
    #[serde(borrow)]
    reference: Option<Cow<'t, str>>,
}

/// A party. Frozen with version 1.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Party<'t> {
    #[serde(borrow)]
    name: Cow<'t, str>,
    #[serde(borrow)]
    address: Address<'t>,
    #[serde(borrow)]
    tax_id: Option<Cow<'t, str>>,
    #[serde(borrow)]
    registration: Option<Cow<'t, str>>,
    #[serde(borrow)]
    email: Option<Cow<'t, str>>,
    #[serde(borrow)]
    iban: Option<Cow<'t, str>>,
    #[serde(borrow)]
    bic: Option<Cow<'t, str>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Address<'t> {
    #[serde(borrow)]
    lines: Vec<Cow<'t, str>>,
    #[serde(borrow)]
    city: Cow<'t, str>,
    #[serde(borrow)]
    postcode: Cow<'t, str>,
    #[serde(borrow)]
    country: Cow<'t, str>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tax<'t> {
    #[serde(with = "text")]
    category: TaxCategory,
    rate_basis_points: u32,
    #[serde(borrow)]
    exemption_reason: Option<Cow<'t, str>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Discount<'t> {
    #[serde(borrow)]
    campaign: Option<Cow<'t, str>>,
    rate_basis_points: u32,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Amount<'t> {
    #[serde(borrow)]
    campaign: Option<Cow<'t, str>>,
    #[serde(borrow)]
    amount: Cow<'t, str>,
}

/// A seller. Frozen with version 1.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seller<'t> {
    #[serde(borrow)]
    format: Cow<'t, str>,
    #[serde(with = "text")]
    valid_from: NaiveDate,
    #[serde(borrow)]
    seller: Party<'t>,
}

impl<'t> Party<'t> {
    pub(super) fn of(party: &'t party::Party) -> Self {
        let address = &party.address;
        Self {
            name: Cow::from(&party.name),
            address: Address {
                lines: address.lines.iter().map(Cow::from).collect(),
                city: Cow::from(&address.city),
                postcode: Cow::from(&address.postcode),
                country: Cow::from(&address.country),
            },
            tax_id: some(&party.tax_id),
            registration: some(&party.registration),
            email: some(&party.email),
            iban: some(&party.iban),
            bic: some(&party.bic),
        }
    }

    pub(super) fn value(self) -> party::Party {
        let Address { lines, city, postcode, country } = self.address;
        party::Party {
            name: self.name.into_owned(),
            address: party::Address {
                lines: lines.into_iter().map(Cow::into_owned).collect(),
                city: city.into_owned(),
                postcode: postcode.into_owned(),
                country: country.into_owned(),
            },
            tax_id: owned(self.tax_id),
            registration: owned(self.registration),
            email: owned(self.email),
            iban: owned(self.iban),
            bic: owned(self.bic),
        }
    }
}

impl<'t> Amount<'t> {
    fn of(campaign: &'t Option<String>, amount: i128, currency: Currency) -> Self {
        Self { campaign: some(campaign), amount: Cow::from(money::show(currency, amount)) }
    }

    fn value(self, currency: Currency) -> Result<(Option<String>, i128), Error> {
        Ok((owned(self.campaign), amount("amount", currency, &self.amount)?))
    }
}

impl<'t> Stored<'t> for Terms<'t> {
    const FORMAT: &'static str = "clicktrail terms 1";
    type Value = terms::Terms;

    fn of(terms: &'t terms::Terms) -> Self {
        let currency = terms.currency;
        let discount = |discount: &'t terms::Discount| Discount {
            campaign: some(&discount.campaign),
            rate_basis_points: discount.rate.points(),
        };
        let minimum = |minimum: &'t terms::Minimum| Amount::of(&minimum.campaign, minimum.amount, currency);
        let cap = |cap: &'t terms::Cap| Amount::of(&cap.campaign, cap.amount, currency);
        Self {
            format: Cow::from(Self::FORMAT),
            advertiser_id: Cow::from(&terms.advertiser_id),
            valid_from: terms.valid_from,
            customer: Party::of(&terms.customer),
            currency: Cow::from(currency.code().to_owned()),
            decimals: currency.exponent(),
            zone: Cow::from(&terms.zone),
            cycle: terms.cycle,
            series: Cow::from(&terms.series),
            note_series: Cow::from(&terms.note_series),
            payment_days: terms.payment_days,
            tax: Tax {
                category: terms.tax.category,
                rate_basis_points: terms.tax.rate.points(),
                exemption_reason: some(&terms.tax.exemption_reason),
            },
            language: terms.language,
            discounts: terms.discounts.iter().map(discount).collect(),
            minimums: terms.minimums.iter().map(minimum).collect(),
            caps: terms.caps.iter().map(cap).collect(),
            reference: some(&terms.reference),
        }
    }

    fn value(self) -> Result<terms::Terms, Error> {
        if self.format != Self::FORMAT {
            return Err(Error::UnknownFormat { found: self.format.into_owned(), known: Self::FORMAT });
        }
        let currency = Currency::pinned(&self.currency, self.decimals)?;
        let discount = |entry: Discount<'t>| {
            let rate = BasisPoints::new(entry.rate_basis_points)?;
            Ok(terms::Discount { campaign: owned(entry.campaign), rate })
        };
        let minimum =
            |entry: Amount<'t>| entry.value(currency).map(|(campaign, amount)| terms::Minimum { campaign, amount });
        let cap = |entry: Amount<'t>| entry.value(currency).map(|(campaign, amount)| terms::Cap { campaign, amount });
        let read = terms::Terms {
            advertiser_id: self.advertiser_id.into_owned(),
            valid_from: self.valid_from,
            customer: self.customer.value(),
            currency,
            zone: self.zone.into_owned(),
            cycle: self.cycle,
            series: self.series.into_owned(),
            note_series: self.note_series.into_owned(),
            payment_days: self.payment_days,
            tax: terms::Tax {
                category: self.tax.category,
                rate: BasisPoints::new(self.tax.rate_basis_points)?,
                exemption_reason: owned(self.tax.exemption_reason),
            },
            language: self.language,
            discounts: self.discounts.into_iter().map(discount).collect::<Result<_, Error>>()?,
            minimums: self.minimums.into_iter().map(minimum).collect::<Result<_, Error>>()?,
            caps: self.caps.into_iter().map(cap).collect::<Result<_, Error>>()?,
            reference: owned(self.reference),
        };
        read.check()?;
        Ok(read)
    }
}

impl<'t> Stored<'t> for Seller<'t> {
    const FORMAT: &'static str = "clicktrail seller 1";
    type Value = seller::Seller;

    fn of(seller: &'t seller::Seller) -> Self {
        let (valid_from, seller) = (seller.valid_from, Party::of(&seller.party));
        Self { format: Cow::from(Self::FORMAT), valid_from, seller }
    }

    fn value(self) -> Result<seller::Seller, Error> {
        let read = seller::Seller { valid_from: self.valid_from, party: self.seller.value() };
        read.check()?;
        Ok(read)
    }
}
