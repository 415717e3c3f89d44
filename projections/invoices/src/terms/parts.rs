//! What terms are made of.

use chrono::NaiveDate;

use crate::{
    error::Error,
    money::{BasisPoints, Currency},
    party::Party,
    period::Cycle,
    words::words,
};

/// The terms of one advertiser, from a date on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// Whose.
    pub advertiser_id: String,
    /// Periods that begin on this date of the zone or later are billed by them.
    pub valid_from: NaiveDate,
    /// Who is billed.
    pub customer: Party,
    /// What is billed in, and what caps and minimums are in.
    pub currency: Currency,
    /// The IANA zone of the account's calendar.
    pub zone: String,
    /// How often it is billed.
    pub cycle: Cycle,
    /// The series of its invoices' numbers.
    pub series: String,
    /// The series of its notes' numbers.
    pub note_series: String,
    /// Days from issue until it is due.
    pub payment_days: u16,
    /// How it is taxed.
    pub tax: Tax,
    /// The language of its documents.
    pub language: Language,
    /// What is taken off: of each campaign, and of the account, at most one.
    pub discounts: Vec<Discount>,
    /// What is owed at least: of each campaign, and of the account, at most one.
    pub minimums: Vec<Minimum>,
    /// What is owed at most: of each campaign, and of the account, at most one.
    pub caps: Vec<Cap>,
    /// What the customer wants to read on its invoices: a purchase order, a routing id (EN 16931: BT-10).
    pub reference: Option<String>,
}

/// How an account is taxed. One category and rate: clicks are one kind of service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tax {
    /// Which kind.
    pub category: TaxCategory,
    /// How much; zero but for the standard rate.
    pub rate: BasisPoints,
    /// Why there is no tax: needed by the categories that are exempt.
    pub exemption_reason: Option<String>,
}

words! {
    /// Kinds of tax, by UNTDID 5305 as EN 16931 takes it.
    pub enum TaxCategory("tax category") {
        /// Standard rate.
        Standard = "S",
        /// Zero rated goods.
        Zero = "Z",
        /// Exempt from tax.
        Exempt = "E",
        /// Reverse charge: the customer owes the tax.
        ReverseCharge = "AE",
        /// Supply within the European Economic Area, exempt.
        IntraCommunity = "K",
        /// Export, not taxed.
        Export = "G",
        /// Outside the scope of tax.
        OutOfScope = "O",
    }
}

impl TaxCategory {
    /// Whether an invoice must say why there is no tax (EN 16931: BR-E-10, BR-AE-10, BR-IC-10, BR-G-10, BR-O-10).
    pub const fn needs_reason(self) -> bool {
        match self {
            Self::Standard | Self::Zero => false,
            Self::Exempt | Self::ReverseCharge | Self::IntraCommunity | Self::Export | Self::OutOfScope => true,
        }
    }

    /// Whether an invoice must have the customer's tax number (BR-AE-02, BR-IC-02).
    pub const fn needs_customer_tax_id(self) -> bool {
        match self {
            Self::ReverseCharge | Self::IntraCommunity => true,
            Self::Standard | Self::Zero | Self::Exempt | Self::Export | Self::OutOfScope => false,
        }
    }

    /// Whether an invoice must have the seller's tax number (BR-S-02, BR-Z-02, BR-E-02, BR-AE-02, BR-IC-02, BR-G-02).
    pub const fn needs_seller_tax_id(self) -> bool {
        match self {
            Self::Standard | Self::Zero | Self::Exempt | Self::ReverseCharge | Self::IntraCommunity | Self::Export => {
                true
            }
            Self::OutOfScope => false,
        }
    }
}

words! {
    /// Languages that documents are set in.
    pub enum Language("language") {
        /// English.
        English = "en",
        /// German.
        German = "de",
        /// French.
        French = "fr",
        /// Spanish.
        Spanish = "es",
    }
}

/// A share that is not owed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discount {
    /// Of which campaign; `None`: of the account.
    pub campaign: Option<String>,
    /// How much of it.
    pub rate: BasisPoints,
}

/// What a period costs at least.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Minimum {
    /// Of which campaign; `None`: of the account.
    pub campaign: Option<String>,
    /// Before tax.
    pub amount: i128,
}

/// What a period costs at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cap {
    /// Of which campaign; `None`: of the account.
    pub campaign: Option<String>,
    /// Before tax.
    pub amount: i128,
}

impl Terms {
    /// The currency of usage, by its code: the terms' own keeps the decimals that it had when they were written.
    ///
    /// # Errors
    /// As [`Currency::parse`].
    pub fn currency_of(&self, code: &str) -> Result<Currency, Error> {
        match self.currency.code() == code {
            true => Ok(self.currency),
            false => Currency::parse(code),
        }
    }
}
