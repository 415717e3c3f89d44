//! The words of documents in each language. What stands in braces is filled in.

use clicktrail_invoices::{AdjustmentKind, Kind, Reason, TaxCategory};

/// The words of one language.
#[derive(Debug)]
pub(crate) struct Words {
    pub(crate) invoice: &'static str,
    pub(crate) credit_note: &'static str,
    pub(crate) debit_note: &'static str,
    pub(crate) number: &'static str,
    pub(crate) issued_on: &'static str,
    pub(crate) due_on: &'static str,
    pub(crate) period: &'static str,
    pub(crate) zone: &'static str,
    pub(crate) reference: &'static str,
    pub(crate) customer_number: &'static str,
    pub(crate) tax_id: &'static str,
    pub(crate) registration: &'static str,
    pub(crate) campaign: &'static str,
    pub(crate) gross: &'static str,
    pub(crate) invalid: &'static str,
    pub(crate) givt: &'static str,
    pub(crate) sivt: &'static str,
    pub(crate) duplicate: &'static str,
    pub(crate) policy: &'static str,
    pub(crate) billable: &'static str,
    pub(crate) price: &'static str,
    pub(crate) amount: &'static str,
    pub(crate) all_lines: &'static str,
    pub(crate) no_lines: &'static str,
    pub(crate) block: &'static str,
    pub(crate) brought_forward: &'static str,
    pub(crate) carried_forward: &'static str,
    pub(crate) page: &'static str,
    pub(crate) subtotal: &'static str,
    pub(crate) total: &'static str,
    pub(crate) cap: &'static str,
    pub(crate) discount: &'static str,
    pub(crate) minimum: &'static str,
    pub(crate) of_campaign: &'static str,
    pub(crate) of_campaigns: &'static str,
    pub(crate) caps: &'static str,
    pub(crate) discounts: &'static str,
    pub(crate) minimums: &'static str,
    pub(crate) vat: &'static str,
    pub(crate) untaxed: &'static str,
    pub(crate) exempt: &'static str,
    pub(crate) reverse_charge: &'static str,
    pub(crate) intra_community: &'static str,
    pub(crate) export: &'static str,
    pub(crate) out_of_scope: &'static str,
    pub(crate) payment: &'static str,
    pub(crate) within: &'static str,
    pub(crate) credited: &'static str,
    pub(crate) payment_reference: &'static str,
    pub(crate) corrects: &'static str,
    pub(crate) original: &'static str,
    pub(crate) original_of: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) hours: &'static str,
    pub(crate) more_hours: &'static str,
    pub(crate) rounding: &'static str,
    pub(crate) difference: &'static str,
    pub(crate) summed: &'static str,
    pub(crate) prices_without_tax: &'static str,
    pub(crate) reasons: [&'static str; 9],
    pub(crate) months: [&'static str; 12],
}

impl Words {
    pub(crate) const fn title(&self, kind: Kind) -> &'static str {
        match kind {
            Kind::Invoice => self.invoice,
            Kind::CreditNote => self.credit_note,
            Kind::DebitNote => self.debit_note,
        }
    }

    pub(crate) const fn adjustment(&self, kind: AdjustmentKind) -> &'static str {
        match kind {
            AdjustmentKind::Cap => self.cap,
            AdjustmentKind::Discount => self.discount,
            AdjustmentKind::Minimum => self.minimum,
        }
    }

    /// What adjustments of several campaigns are called.
    pub(crate) const fn adjustments(&self, kind: AdjustmentKind) -> &'static str {
        match kind {
            AdjustmentKind::Cap => self.caps,
            AdjustmentKind::Discount => self.discounts,
            AdjustmentKind::Minimum => self.minimums,
        }
    }

    /// With `{rate}`, or none.
    pub(crate) const fn tax(&self, category: TaxCategory) -> &'static str {
        match category {
            TaxCategory::Standard => self.vat,
            TaxCategory::Zero => self.untaxed,
            TaxCategory::Exempt => self.exempt,
            TaxCategory::ReverseCharge => self.reverse_charge,
            TaxCategory::IntraCommunity => self.intra_community,
            TaxCategory::Export => self.export,
            TaxCategory::OutOfScope => self.out_of_scope,
        }
    }

    pub(crate) const fn why(&self, reason: Reason) -> &'static str {
        let [sivt, givt, duplicate, policy, projection_fix, late_events, correction, goodwill, cancelled] =
            self.reasons;
        match reason {
            Reason::Sivt => sivt,
            Reason::Givt => givt,
            Reason::Duplicate => duplicate,
            Reason::Policy => policy,
            Reason::ProjectionFix => projection_fix,
            Reason::LateEvents => late_events,
            Reason::Correction => correction,
            Reason::Goodwill => goodwill,
            Reason::Cancelled => cancelled,
        }
    }
}

/// A sentence with its braces filled: `fill("within {days} days", &[("days", "30")])`. What is filled in is not looked
/// at again.
pub(crate) fn fill(sentence: &str, values: &[(&str, &str)]) -> String {
    let mut text = String::new();
    let mut rest = sentence;
    while let Some((before, (name, behind))) = rest.split_once('{').and_then(|(a, b)| Some((a, b.split_once('}')?))) {
        let value = values.iter().find(|(known, _)| *known == name).expect("sentences and values are tested").1;
        text.push_str(before);
        text.push_str(value);
        rest = behind;
    }
    text.push_str(rest);
    text
}
