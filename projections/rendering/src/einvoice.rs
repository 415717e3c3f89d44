//! The document as XML for machines: UBL 2.1 and CII by EN 16931, and the CII inside of the PDF, which makes it
//! Factur-X. These files are the only ones that know the crates `en16931` and `en16931-formats`.
//!
//! Nothing is written that breaks a rule of EN 16931 (release 1.3.16 of its rules).

mod attach;
mod lines;
mod mapping;
mod parties;
mod writer;

use std::time::{Duration, UNIX_EPOCH};

use clicktrail_invoices::Document;
use en16931::{Validated, profiles::En16931};
use en16931_formats::{Syntax, Written, zugferd};

use writer::DECIMALS_MAX;

use crate::{
    error::{Error, Finding},
    shown::for_xml,
};

/// A document as XML.
#[derive(Debug)]
pub(crate) struct Xml {
    pub(crate) ubl: Vec<u8>,
    pub(crate) cii: Vec<u8>,
    proof: Validated<En16931>,
}

/// Why there is no XML of documents in this currency, if there is none.
pub(crate) fn unfit(document: &Document) -> Option<String> {
    let currency = document.draft.bill.currency;
    let decimals = currency.exponent();
    (decimals > DECIMALS_MAX).then(|| {
        format!(
            "no XML: amounts in {currency} have {decimals} decimals, and EN 16931 allows {DECIMALS_MAX} (BR-DEC-14)"
        )
    })
}

/// The document as XML, once the rules of EN 16931 found nothing.
pub(crate) fn write(document: &Document) -> Result<Xml, Error> {
    let proof = Validated::<En16931>::new(mapping::invoice(document)?).map_err(|rejected| {
        let findings = rejected.report().fatal();
        let finding = |found: &en16931::Finding| Finding {
            rule: found.rule.clone(),
            problem: match &found.detail {
                Some(detail) => {
                    format!("{}: {} (expected {}, found {})", found.path, found.message, detail.expected, detail.actual)
                }
                None => format!("{}: {}", found.path, found.message),
            },
        };
        Error::Rules(findings.map(finding).collect())
    })?;
    let ubl = whole(en16931_formats::write(&proof, Syntax::Ubl))?;
    let cii = whole(en16931_formats::write(&proof, Syntax::Cii))?;
    Ok(Xml { ubl, cii, proof })
}

/// Text that holds everything that was to be written.
fn whole(written: Written) -> Result<Vec<u8>, Error> {
    match written.entries.iter().find(|entry| entry.is_loss()) {
        Some(lost) => Err(Error::Document(format!("its XML would lack something: {lost}"))),
        None => Ok(written.xml.into_bytes()),
    }
}

/// A PDF/A-3 with the CII in it: Factur-X, profile EN 16931.
pub(crate) fn embed(pdf: &[u8], xml: &Xml, document: &Document, title: &str) -> Result<Vec<u8>, Error> {
    let days = document.issued_on.signed_duration_since(chrono::NaiveDate::default()).num_days();
    let seconds = u64::try_from(days).ok().and_then(|days| days.checked_mul(86_400)).unwrap_or_default();
    let seller = for_xml(&document.draft.seller.name).into_owned();
    let options = zugferd::EmbedOptions {
        relationship: zugferd::Relationship::Alternative,
        metadata: Some(zugferd::Metadata {
            title: format!("{title} {}", document.name()),
            subject: format!("{title} {}, {}, {seller}", document.name(), document.issued_on),
            author: seller,
        }),
        modified: UNIX_EPOCH.checked_add(Duration::from_secs(seconds)),
    };
    attach::attach(pdf, &xml.proof, &options).map_err(|error| match error {
        // Nobody could tell which of the two is the invoice.
        zugferd::EmbedError::AlreadyHybrid(other) => {
            Error::Template { line: None, problem: format!("the XML does not go into its PDF, which carries {other}") }
        }
        other => Error::Typesetter(format!("the XML does not go into the PDF: {other}")),
    })
}

#[cfg(test)]
mod tests;
