//! The rows that a document's exports have: its lines, then its adjustments. Their amounts add up to the subtotal.

use crate::{
    bill::{Adjustment, Line, Price},
    document::{Document, Draft},
    error::Error,
    money::BasisPoints,
    usage::Counts,
};

/// One row, and nothing that it does not have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'d> {
    /// `line` or `adjustment`.
    pub(crate) row: &'static str,
    /// `clicks`, `cap`, `discount` or `minimum`.
    pub(crate) what: &'static str,
    pub(crate) campaign_id: Option<&'d str>,
    pub(crate) counts: Option<&'d Counts>,
    pub(crate) price: Option<Price>,
    pub(crate) rate: Option<BasisPoints>,
    pub(crate) amount: i128,
}

/// What an export is of: what a document says, and its number if it has one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exported<'d> {
    pub(crate) draft: &'d Draft,
    number: Option<(&'d str, u32)>,
}

impl<'d> Exported<'d> {
    pub(crate) fn document(document: &'d Document) -> Self {
        Self { draft: &document.draft, number: Some((&document.series, document.number)) }
    }

    pub(crate) fn draft(draft: &'d Draft) -> Self {
        Self { draft, number: None }
    }

    /// Its number; empty while it is a draft.
    pub(crate) fn name(&self) -> String {
        self.number.map_or_else(String::new, |(series, number)| crate::document::name(series, number))
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = Row<'d>> + use<'d> {
        let bill = &self.draft.bill;
        bill.lines.iter().map(Row::from).chain(bill.adjustments.iter().map(Row::from))
    }
}

impl<'d> From<&'d Line> for Row<'d> {
    fn from(line: &'d Line) -> Self {
        Self {
            row: "line",
            what: line.kind.as_str(),
            campaign_id: Some(&line.campaign_id),
            counts: Some(&line.counts),
            price: Some(line.price),
            rate: None,
            amount: line.amount,
        }
    }
}

impl<'d> From<&'d Adjustment> for Row<'d> {
    fn from(adjustment: &'d Adjustment) -> Self {
        Self {
            row: "adjustment",
            what: adjustment.kind.as_str(),
            campaign_id: adjustment.campaign_id.as_deref(),
            counts: None,
            price: None,
            rate: adjustment.rate,
            amount: adjustment.amount,
        }
    }
}

/// The counts of a row in the order of columns: gross, the categories, net, total net, billable.
pub(crate) fn counted(counts: &Counts) -> Result<[i64; 8], Error> {
    let Counts { gross, givt, sivt, duplicate, policy, billable, spend_micros: _ } = *counts;
    Ok([gross, givt, sivt, duplicate, policy, counts.net()?, counts.total_net()?, billable])
}

/// The names of these columns.
pub(crate) const COUNTS: [&str; 8] = ["gross", "givt", "sivt", "duplicate", "policy", "net", "total_net", "billable"];
