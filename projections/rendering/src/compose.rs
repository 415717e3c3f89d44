//! What a document says, in its language: the sheet that a template lays out.

mod letterhead;
pub(crate) mod money;

use clicktrail_invoices::{Counts, Document, Line};

use crate::{
    error::Error,
    language::{self, Words, fill, words},
    rows::{ROWS_MAX, Row, What, block, rows},
    sheet::{Corrected, FORMAT, Fact, Figures, Labels, Line as Set, Sheet},
    shown::Shown,
};

/// Hours of a note that are listed: more would hide the total.
const HOURS_MAX: usize = 96;

/// The sheet of a document, its texts shown as `shown` does.
pub(crate) fn sheet(document: &Document, shown: &mut Shown<'_>, fonts: &[String]) -> Result<Sheet, Error> {
    let draft = &document.draft;
    let words = words(draft.terms.language);
    let desk = Desk { document, words };
    let rows = rows(&draft.bill.lines).map_err(|error| Error::Document(error.to_string()))?;
    let (lines, sums) = desk.lines(&rows, shown)?;
    let widths = lines.iter().map(|line| &line.figures).try_fold(Figures::default(), widest)?;
    let widths = widest(widths, &sums)?;
    Ok(Sheet {
        format: FORMAT,
        language: draft.terms.language.as_str(),
        kind: draft.kind.as_str(),
        title: words.title(draft.kind),
        number: document.name(),
        currency: draft.bill.currency.code().to_owned(),
        fonts: fonts.to_vec(),
        words: desk.labels(),
        facts: desk.facts(shown),
        seller: letterhead::of(&draft.seller, None, shown),
        customer: letterhead::of(&draft.terms.customer, Some(words), shown),
        legal: letterhead::legal(&draft.seller, words, shown),
        original: desk.original(),
        hours: desk.hours(),
        lines,
        widths,
        sums,
        adjustments: money::adjustments(document, words, shown)?,
        subtotal: money::amount(document, draft.bill.subtotal),
        taxes: money::taxes(document, words),
        total_text: fill(words.total, &[("currency", draft.bill.currency.code())]),
        total: money::amount(document, draft.bill.total),
        payment: money::payment(document, words, shown),
        remarks: desk.remarks(shown)?,
    })
}

struct Desk<'a> {
    document: &'a Document,
    words: &'static Words,
}

impl Desk<'_> {
    fn labels(&self) -> Labels {
        let words = self.words;
        Labels {
            campaign: words.campaign,
            gross: words.gross,
            invalid: words.invalid,
            givt: words.givt,
            sivt: words.sivt,
            duplicate: words.duplicate,
            policy: words.policy,
            billable: words.billable,
            price: words.price,
            amount: fill(words.amount, &[("currency", self.document.draft.bill.currency.code())]),
            all_lines: words.all_lines,
            brought_forward: words.brought_forward,
            carried_forward: words.carried_forward,
            page: words.page,
            subtotal: words.subtotal,
            hours: words.hours,
        }
    }

    fn facts(&self, shown: &mut Shown<'_>) -> Vec<Fact> {
        let Desk { document, words } = self;
        let draft = &document.draft;
        let speech = draft.terms.language;
        let period = &draft.pins.period;
        let mut facts = vec![
            (words.number.to_owned(), document.name()),
            (words.issued_on.to_owned(), language::date(speech, document.issued_on)),
        ];
        // As BT-9 has it: only where something is to be paid.
        if draft.bill.total > 0 {
            facts.push((words.due_on.to_owned(), language::date(speech, document.due_on)));
        }
        facts.push((words.period.to_owned(), language::dates(speech, period.name)));
        facts.push((words.zone.to_owned(), period.zone.clone()));
        facts.push((words.customer_number.to_owned(), shown.text(&draft.advertiser_id)));
        if let Some(reference) = &draft.terms.reference {
            facts.push((words.reference.to_owned(), shown.text(reference)));
        }
        facts
    }

    fn original(&self) -> Option<Corrected> {
        let Desk { document, words } = self;
        let original = document.draft.original.as_ref()?;
        let speech = document.draft.terms.language;
        let date = language::date(speech, original.issued_on);
        let facts = vec![
            (words.original.to_owned(), fill(words.original_of, &[("number", &original.name()), ("date", &date)])),
            (words.period.to_owned(), language::period(speech, original.period)),
            (words.reason.to_owned(), words.why(original.reason).to_owned()),
        ];
        Some(Corrected { text: words.corrects, facts })
    }

    fn hours(&self) -> Vec<String> {
        let draft = &self.document.draft;
        let listed = draft.hours.iter().take(HOURS_MAX).map(|moved| {
            let (date, hour) = moved.hour.date_and_hour();
            format!("{date} {hour}:00 ({})", self.count(moved.counts.billable))
        });
        let rest = draft.hours.len().saturating_sub(HOURS_MAX);
        let more = (rest > 0).then(|| fill(self.words.more_hours, &[("hours", &rest.to_string())]));
        listed.chain(more).collect()
    }

    fn lines(&self, rows: &[Row<'_>], shown: &mut Shown<'_>) -> Result<(Vec<Set>, Figures<String>), Error> {
        let too_large = || Error::Document("the sum of its lines is too large to be counted".to_owned());
        let mut carried = 0_i128;
        let mut all = Counts::default();
        let mut lines = Vec::with_capacity(rows.len());
        for row in rows {
            carried = carried.checked_add(row.amount).ok_or_else(too_large)?;
            all = all.plus(&row.counts).map_err(|_| too_large())?;
            lines.push(Set {
                name: self.name(&row.what, shown),
                figures: self.figures(&row.counts, self.price(row), row.amount),
                carried: money::amount(self.document, carried),
            });
        }
        Ok((lines, self.figures(&all, String::new(), carried)))
    }

    fn name(&self, what: &What<'_>, shown: &mut Shown<'_>) -> String {
        match what {
            What::Campaign(campaign) => shown.text(campaign),
            What::Block { first, last, from, to } => {
                let (first, last) = (first.to_string(), last.to_string());
                let (from, to) = (shown.text(from), shown.text(to));
                fill(self.words.block, &[("first", &first), ("last", &last), ("from", &from), ("to", &to)])
            }
        }
    }

    fn figures(&self, counts: &Counts, price: String, amount: i128) -> Figures<String> {
        Figures {
            gross: self.count(counts.gross),
            givt: self.count(counts.givt),
            sivt: self.count(counts.sivt),
            duplicate: self.count(counts.duplicate),
            policy: self.count(counts.policy),
            billable: self.count(counts.billable),
            price,
            amount: money::amount(self.document, amount),
        }
    }

    fn price(&self, row: &Row<'_>) -> String {
        match row.price {
            Some(price) if row.counts.billable != 0 => {
                language::number(self.document.draft.terms.language, &price.to_string())
            }
            Some(_) | None => "–".to_owned(),
        }
    }

    fn count(&self, clicks: i64) -> String {
        language::number(self.document.draft.terms.language, &clicks.to_string())
    }

    fn remarks(&self, shown: &mut Shown<'_>) -> Result<Vec<String>, Error> {
        let Desk { document, words } = self;
        let bill = &document.draft.bill;
        let mut remarks = Vec::new();
        if bill.lines.is_empty() {
            remarks.push(words.no_lines.to_owned());
        }
        if bill.lines.len() > ROWS_MAX {
            let count = |number: usize| language::number(document.draft.terms.language, &number.to_string());
            let (lines, block) = (count(bill.lines.len()), count(block(bill.lines.len())));
            remarks.push(fill(words.summed, &[("lines", &lines), ("block", &block)]));
        }
        let reasons = bill.tax.iter().filter_map(|tax| tax.exemption_reason.as_deref());
        remarks.extend(reasons.map(|reason| shown.text(reason)));
        let is_average = |line: &Line| line.counts.billable != 0 && !line.price.is_exact;
        if bill.lines.iter().any(is_average) {
            remarks.push(words.prices_without_tax.to_owned());
        }
        remarks.extend(money::rounding(document, words)?);
        Ok(remarks)
    }
}

/// What is wider in each column. Figures are as wide as each other in our fonts: 572 thousandths of their height.
fn widest(mut widths: Figures<u32>, row: &Figures<String>) -> Result<Figures<u32>, Error> {
    const DIGIT: u32 = 572;
    const OTHER: u32 = 330;
    for (width, text) in widths.beside(row) {
        let one = |c: char| if c.is_ascii_digit() { DIGIT } else { OTHER };
        let wide = text.chars().map(one).try_fold(0_u32, u32::checked_add);
        *width = (*width).max(wide.ok_or_else(|| Error::Document("a number is too long".to_owned()))?);
    }
    Ok(widths)
}

#[cfg(test)]
mod tests;
