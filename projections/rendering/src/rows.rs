//! The rows of a document's table. There is one for each line, as long as somebody could read them.

use clicktrail_invoices::{Adjustment, AdjustmentKind, BasisPoints, Counts, Error as Overflow, Line, Price};

/// Rows of a table. A document with more lines has rows that each stand for several: ten thousand lines would be some
/// 200 pages, and the CSV file has them all.
pub(crate) const ROWS_MAX: usize = 2_000;

/// Adjustments that are shown one by one. Where there are more, those of campaigns are summed by their kind.
const ADJUSTMENTS_MAX: usize = 200;

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row<'a> {
    pub(crate) what: What<'a>,
    pub(crate) counts: Counts,
    /// Of a single line.
    pub(crate) price: Option<Price>,
    pub(crate) amount: i128,
}

/// What a row stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What<'a> {
    /// A line.
    Campaign(&'a str),
    /// Several lines in their order: the numbers and the campaigns of the first and the last, numbers from 1.
    Block { first: usize, last: usize, from: &'a str, to: &'a str },
}

/// How many lines each row stands for.
pub(crate) fn block(lines: usize) -> usize {
    lines.div_ceil(ROWS_MAX).max(1)
}

/// The rows of these lines.
///
/// # Errors
/// If the sum of a block is too large to be counted.
pub(crate) fn rows(lines: &[Line]) -> Result<Vec<Row<'_>>, Overflow> {
    let size = block(lines.len());
    lines.chunks(size).enumerate().map(|(at, chunk)| row(chunk, at.saturating_mul(size))).collect()
}

fn row(lines: &[Line], before: usize) -> Result<Row<'_>, Overflow> {
    let (Some(first), Some(last)) = (lines.first(), lines.last()) else {
        unreachable!("a chunk has a line");
    };
    if lines.len() == 1 {
        let what = What::Campaign(&first.campaign_id);
        return Ok(Row { what, counts: first.counts, price: Some(first.price), amount: first.amount });
    }
    let mut counts = Counts::default();
    let mut amount = 0_i128;
    for line in lines {
        counts = counts.plus(&line.counts)?;
        amount = amount.checked_add(line.amount).ok_or_else(|| Overflow::Overflow("the sum of lines".to_owned()))?;
    }
    let what = What::Block {
        first: before.saturating_add(1),
        last: before.saturating_add(lines.len()),
        from: &first.campaign_id,
        to: &last.campaign_id,
    };
    Ok(Row { what, counts, price: None, amount })
}

/// An adjustment as it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extra<'a> {
    pub(crate) kind: AdjustmentKind,
    pub(crate) of: Of<'a>,
    /// Of a single discount.
    pub(crate) rate: Option<BasisPoints>,
    pub(crate) amount: i128,
}

/// Whose adjustment it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of<'a> {
    Account,
    Campaign(&'a str),
    /// Of so many campaigns.
    Campaigns(usize),
}

/// The adjustments as they are shown, in their order.
///
/// # Errors
/// If the sum of those of campaigns is too large to be counted.
pub(crate) fn extras(adjustments: &[Adjustment]) -> Result<Vec<Extra<'_>>, Overflow> {
    let mut extras: Vec<Extra<'_>> = Vec::new();
    for Adjustment { kind, campaign_id, rate, amount } in adjustments {
        let of = match campaign_id {
            None => Of::Account,
            Some(campaign) if adjustments.len() <= ADJUSTMENTS_MAX => Of::Campaign(campaign),
            Some(_) => {
                let same = |extra: &&mut Extra<'_>| extra.kind == *kind && matches!(extra.of, Of::Campaigns(_));
                if let Some(sum) = extras.iter_mut().find(same) {
                    let Of::Campaigns(campaigns) = sum.of else { unreachable!("just looked for") };
                    sum.of = Of::Campaigns(campaigns.saturating_add(1));
                    let both = sum.amount.checked_add(*amount);
                    sum.amount = both.ok_or_else(|| Overflow::Overflow("the sum of adjustments".to_owned()))?;
                    continue;
                }
                Of::Campaigns(1)
            }
        };
        let rate = rate.filter(|_| !matches!(of, Of::Campaigns(_)));
        extras.push(Extra { kind: *kind, of, rate, amount: *amount });
    }
    Ok(extras)
}

#[cfg(test)]
mod tests {
    use clicktrail_invoices::LineKind;

    use super::*;

    fn lines(count: usize) -> Vec<Line> {
        let line = |number: usize| {
            let clicks = i64::try_from(number).unwrap();
            let counts = Counts { gross: clicks, billable: clicks, ..Counts::default() };
            let price = Price { micros: 0, is_exact: true };
            let campaign_id = format!("c{number:06}");
            Line { campaign_id, kind: LineKind::Clicks, counts, price, amount: i128::from(clicks) }
        };
        (1..=count).map(line).collect()
    }

    #[test]
    fn every_line_is_a_row_up_to_the_limit() {
        let lines = lines(ROWS_MAX);
        let rows = rows(&lines).unwrap();
        assert_eq!(rows.len(), ROWS_MAX);
        assert_eq!(rows[7].what, What::Campaign("c000008"));
        assert!(rows.iter().all(|row| row.price.is_some()));
    }

    #[test]
    fn rows_of_many_lines_add_up_to_them() {
        let lines = lines(200_001);
        let rows = rows(&lines).unwrap();
        assert!(rows.len() <= ROWS_MAX, "{}", rows.len());
        assert_eq!(rows[1].what, What::Block { first: 102, last: 202, from: "c000102", to: "c000202" });
        let total = 200_001_i128 * 100_001;
        assert_eq!(rows.iter().map(|row| row.amount).sum::<i128>(), total);
        assert_eq!(rows.iter().map(|row| i128::from(row.counts.gross)).sum::<i128>(), total);
    }

    #[test]
    fn many_adjustments_of_campaigns_are_summed_and_those_of_the_account_are_not() {
        let adjustment = |kind, campaign: Option<usize>| Adjustment {
            kind,
            campaign_id: campaign.map(|number| format!("c{number}")),
            rate: None,
            amount: -2,
        };
        let of_campaigns = (0..1_000).flat_map(|number| {
            [AdjustmentKind::Cap, AdjustmentKind::Discount].map(|kind| adjustment(kind, Some(number)))
        });
        let all: Vec<_> = of_campaigns.chain([adjustment(AdjustmentKind::Discount, None)]).collect();
        let extra = |kind, of, amount| Extra { kind, of, rate: None, amount };
        let summed = [
            extra(AdjustmentKind::Cap, Of::Campaigns(1_000), -2_000),
            extra(AdjustmentKind::Discount, Of::Campaigns(1_000), -2_000),
            extra(AdjustmentKind::Discount, Of::Account, -2),
        ];
        assert_eq!(extras(&all).unwrap(), summed);
        assert_eq!(extras(&all[..2]).unwrap()[1].of, Of::Campaign("c0"));
    }

    #[test]
    fn a_document_without_lines_has_no_rows() {
        assert_eq!(rows(&[]).unwrap(), []);
    }
}
