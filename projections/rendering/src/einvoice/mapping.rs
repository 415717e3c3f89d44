//! What each field of a document is in EN 16931. `docs/invoices.md` has the table.
//!
//! A credit note says how much is credited, so its amounts and quantities are those of the document with the sign
//! turned.

use chrono::{Datelike as _, NaiveDate};
use clicktrail_invoices::{Document, Kind, TaxCategory, TaxLine};
use en16931::{
    Date, DocumentKind, Invoice, InvoiceAmount, Percentage,
    invoice::{
        CreditTransfer, DocumentTotals, InvoiceNote, LineVat, PaymentInstructions, PaymentMeans, Period,
        PrecedingInvoice, VatBreakdown,
    },
};

use super::{lines, parties, writer::Writer};
use crate::{
    compose::money,
    error::Error,
    language::{self, fill, words},
    rows::{ROWS_MAX, block},
    shown::for_xml,
};

/// The document as EN 16931 sees it.
pub(super) fn invoice(document: &Document) -> Result<Invoice, Error> {
    let draft = &document.draft;
    let writer = Writer::new(document);
    let vat = writer.vat()?;
    let (allowances, charges) = writer.adjustments(&vat)?;
    let period = draft.pins.period.name;
    let mut invoice = Invoice::default();
    invoice.kind = match draft.kind {
        Kind::CreditNote => DocumentKind::CreditNote,
        Kind::Invoice | Kind::DebitNote => DocumentKind::Invoice,
    };
    invoice.specification_id = Some(en16931::profiles::EN16931.specification_id.to_owned());
    invoice.number = Some(for_xml(&document.name()).into_owned());
    invoice.issue_date = Some(date(document.issued_on)?);
    invoice.type_code = Some(type_code(draft.kind).into());
    invoice.currency = Some(draft.bill.currency.code().into());
    invoice.due_date = match draft.bill.total > 0 {
        true => Some(date(document.due_on)?),
        false => None,
    };
    invoice.payment_terms = money::sentence(document, words(draft.terms.language));
    invoice.buyer_reference = draft.terms.reference.as_deref().map(|text| for_xml(text).into_owned());
    invoice.notes = notes(document);
    invoice.preceding_invoices = preceding(document)?;
    invoice.seller = parties::seller(document);
    invoice.buyer = parties::buyer(document);
    invoice.delivery = parties::delivery(document);
    invoice.invoicing_period =
        Some(Period { start: Some(date(period.first_day())?), end: Some(date(period.last_day())?) });
    invoice.payment = payment(document);
    invoice.lines = lines::lines(&writer, &vat)?;
    invoice.totals = writer.totals(&allowances, &charges)?;
    invoice.vat_breakdown = draft.bill.tax.iter().map(|tax| writer.breakdown(tax)).collect::<Result<_, _>>()?;
    invoice.allowances = allowances;
    invoice.charges = charges;
    Ok(invoice)
}

/// UNTDID 1001.
const fn type_code(kind: Kind) -> &'static str {
    match kind {
        Kind::Invoice => "380",
        Kind::CreditNote => "381",
        Kind::DebitNote => "383",
    }
}

pub(super) fn date(day: NaiveDate) -> Result<Date, Error> {
    let part = |number: u32| u8::try_from(number).ok();
    let parts = part(day.month()).zip(part(day.day()));
    let made = parts.and_then(|(month, of_month)| Date::new(day.year(), month, of_month).ok());
    made.ok_or_else(|| Error::Document(format!("{day} is no date of an invoice")))
}

fn notes(document: &Document) -> Vec<InvoiceNote> {
    let draft = &document.draft;
    let (speech, words) = (draft.terms.language, words(draft.terms.language));
    let reason = draft.original.as_ref().map(|original| {
        let period = language::period(speech, original.period);
        format!("{}: {} ({}, {period})", words.reason, words.why(original.reason), original.name())
    });
    let count = |number: usize| language::number(speech, &number.to_string());
    let lines = draft.bill.lines.len();
    let summed =
        (lines > ROWS_MAX).then(|| fill(words.summed, &[("lines", &count(lines)), ("block", &count(block(lines)))]));
    reason.into_iter().chain(summed).map(InvoiceNote::new).collect()
}

fn preceding(document: &Document) -> Result<Vec<PrecedingInvoice>, Error> {
    let Some(original) = &document.draft.original else { return Ok(Vec::new()) };
    let reference = for_xml(&original.name()).into_owned().into();
    Ok(vec![PrecedingInvoice { reference, issue_date: Some(date(original.issued_on)?) }])
}

/// SEPA where it is euros and there is an IBAN; any other transfer is code 30 (UNTDID 4461).
fn payment(document: &Document) -> Option<PaymentInstructions> {
    let draft = &document.draft;
    let iban = draft.seller.iban.as_deref().filter(|_| draft.bill.total > 0)?;
    let is_sepa = draft.bill.currency.code() == "EUR";
    Some(PaymentInstructions {
        means_code: Some(if is_sepa { "58" } else { "30" }.into()),
        means_text: None,
        remittance_information: Some(for_xml(&document.name()).into_owned()),
        means: Some(PaymentMeans::CreditTransfer(vec![CreditTransfer {
            account_identifier: Some(iban.to_owned()),
            account_name: None,
            provider_identifier: draft.seller.bic.clone(),
        }])),
    })
}

impl Writer<'_> {
    fn vat(&self) -> Result<LineVat, Error> {
        let tax = &self.document.draft.terms.tax;
        Ok(LineVat { category: tax.category.as_str().into(), rate: rate(tax.category, &tax.rate.percent())? })
    }

    fn breakdown(&self, tax: &TaxLine) -> Result<VatBreakdown, Error> {
        Ok(VatBreakdown {
            taxable_amount: self.amount(tax.base)?,
            tax_amount: self.amount(tax.amount)?,
            category: tax.category.as_str().into(),
            rate: rate(tax.category, &tax.rate.percent())?,
            exemption_reason: tax.exemption_reason.as_deref().map(|text| for_xml(text).into_owned()),
            exemption_reason_code: reason_code(tax.category).map(Into::into),
        })
    }

    fn totals(&self, allowances: &[lines::Extra], charges: &[lines::Extra]) -> Result<DocumentTotals, Error> {
        let bill = &self.document.draft.bill;
        let sum = |extras: &[lines::Extra]| {
            let too_large = |_| Error::Document("its adjustments are too large for an invoice".to_owned());
            let sum = InvoiceAmount::checked_sum(extras.iter().map(|extra| extra.amount)).map_err(too_large)?;
            Ok::<_, Error>((!extras.is_empty()).then_some(sum))
        };
        let too_large = |error: clicktrail_invoices::Error| Error::Document(error.to_string());
        let total = self.amount(bill.total)?;
        Ok(DocumentTotals {
            line_total: self.amount(bill.sum_of_lines().map_err(too_large)?)?,
            allowance_total: sum(allowances)?,
            charge_total: sum(charges)?,
            taxable_total: self.amount(bill.subtotal)?,
            vat_total: Some(self.amount(bill.sum_of_taxes().map_err(too_large)?)?),
            gross_total: total,
            due: total,
            ..DocumentTotals::default()
        })
    }
}

/// What is outside of the scope of tax has no rate (BR-O-05).
fn rate(category: TaxCategory, percent: &str) -> Result<Option<Percentage>, Error> {
    match category {
        TaxCategory::OutOfScope => Ok(None),
        TaxCategory::Standard
        | TaxCategory::Zero
        | TaxCategory::Exempt
        | TaxCategory::ReverseCharge
        | TaxCategory::IntraCommunity
        | TaxCategory::Export => {
            percent.parse().map(Some).map_err(|_| Error::Document(format!("{percent} is no rate of a tax")))
        }
    }
}

/// The code of the reason why there is no tax (VATEX), where the category alone says it.
const fn reason_code(category: TaxCategory) -> Option<&'static str> {
    match category {
        TaxCategory::Standard | TaxCategory::Zero | TaxCategory::Exempt => None,
        TaxCategory::ReverseCharge => Some("VATEX-EU-AE"),
        TaxCategory::IntraCommunity => Some("VATEX-EU-IC"),
        TaxCategory::Export => Some("VATEX-EU-G"),
        TaxCategory::OutOfScope => Some("VATEX-EU-O"),
    }
}
