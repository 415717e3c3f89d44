//! Seller and customer (BG-4, BG-7), and where to a supply goes.

use clicktrail_invoices::{Address, Document, Party as Known, TaxCategory};
use en16931::{
    Identifier,
    invoice::{Contact, Delivery, Party, PostalAddress},
};

use crate::shown::for_xml;

/// The scheme of electronic addresses that are addresses for mail (EAS).
const MAIL: &str = "EM";

pub(super) fn seller(document: &Document) -> Party {
    let known = &document.draft.seller;
    let mut party = party(known);
    match vat_id(document, known) {
        Some(id) => party.vat_identifier = Some(id),
        None => party.tax_registration = known.tax_id.as_deref().map(text),
    }
    party
}

pub(super) fn buyer(document: &Document) -> Party {
    let known = &document.draft.terms.customer;
    let mut party = party(known);
    party.vat_identifier = vat_id(document, known);
    party.identifiers = vec![Identifier::new(text(&document.draft.advertiser_id))];
    party
}

/// A supply within the European Economic Area must say into which country (BR-IC-12).
pub(super) fn delivery(document: &Document) -> Option<Delivery> {
    let country = &document.draft.terms.customer.address.country;
    (document.draft.terms.tax.category == TaxCategory::IntraCommunity).then(|| Delivery {
        address: Some(PostalAddress { country: Some(country.as_str().into()), ..PostalAddress::default() }),
        ..Delivery::default()
    })
}

fn party(known: &Known) -> Party {
    Party {
        name: Some(text(&known.name)),
        legal_registration: known.registration.as_deref().map(|number| Identifier::new(text(number))),
        electronic_address: known.email.as_deref().map(|mail| Identifier::schemed(text(mail), MAIL)),
        address: address(&known.address),
        contact: Contact { email: known.email.as_deref().map(text), ..Contact::default() },
        ..Party::default()
    }
}

/// A tax number that begins with a country's letters is a VAT id (BR-CO-09). Where nothing is in the scope of tax, an
/// invoice has none (BR-O-02).
fn vat_id(document: &Document, known: &Known) -> Option<String> {
    let id = known.tax_id.as_deref().map(|id| id.replace([' ', '.', '-'], ""))?;
    let has_letters = id.len() > 2 && id.bytes().take(2).all(|byte| byte.is_ascii_uppercase());
    (has_letters && document.draft.terms.tax.category != TaxCategory::OutOfScope).then(|| text(&id))
}

fn address(known: &Address) -> PostalAddress {
    let Address { lines, city, postcode, country } = known;
    let some = |part: &str| (!part.is_empty()).then(|| text(part));
    let rest = lines.get(2..).unwrap_or_default().join(", ");
    PostalAddress {
        line1: lines.first().and_then(|line| some(line)),
        line2: lines.get(1).and_then(|line| some(line)),
        line3: some(&rest),
        city: some(city),
        post_code: some(postcode),
        subdivision: None,
        country: (!country.is_empty()).then(|| country.as_str().into()),
    }
}

fn text(part: &str) -> String {
    for_xml(part).into_owned()
}
