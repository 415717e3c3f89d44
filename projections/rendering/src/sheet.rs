//! A sheet: what a template is given, in the document's language, ready to be laid out. `docs/invoices.md` describes
//! it for those who write templates; a field that changes its meaning is a new format.

use serde::Serialize;

/// The format's name.
pub(crate) const FORMAT: &str = "clicktrail sheet 1";

/// A label and what it says.
pub(crate) type Fact = (String, String);

/// All that stands on the pages.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Sheet {
    pub(crate) format: &'static str,
    /// `en`, `de`, `fr`, `es`.
    pub(crate) language: &'static str,
    /// `invoice`, `credit_note`, `debit_note`.
    pub(crate) kind: &'static str,
    pub(crate) title: &'static str,
    pub(crate) number: String,
    pub(crate) currency: String,
    /// Families that have a font, in the order in which a character's is looked for.
    pub(crate) fonts: Vec<String>,
    pub(crate) words: Labels,
    /// Number, dates, period, references.
    pub(crate) facts: Vec<Fact>,
    pub(crate) seller: Letterhead,
    pub(crate) customer: Letterhead,
    /// What stands at the foot of every page.
    pub(crate) legal: Vec<String>,
    /// Of a note, what it corrects.
    pub(crate) original: Option<Corrected>,
    /// Of a note, the hours that moved.
    pub(crate) hours: Vec<String>,
    pub(crate) lines: Vec<Line>,
    /// The widest text of each column, in thousandths of its height.
    pub(crate) widths: Figures<u32>,
    /// All lines together; without a price.
    pub(crate) sums: Figures<String>,
    pub(crate) adjustments: Vec<Extra>,
    pub(crate) subtotal: String,
    pub(crate) taxes: Vec<Extra>,
    pub(crate) total_text: String,
    pub(crate) total: String,
    pub(crate) payment: Vec<Fact>,
    pub(crate) remarks: Vec<String>,
}

/// The columns' names and other words.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Labels {
    pub(crate) campaign: &'static str,
    pub(crate) gross: &'static str,
    pub(crate) invalid: &'static str,
    pub(crate) givt: &'static str,
    pub(crate) sivt: &'static str,
    pub(crate) duplicate: &'static str,
    pub(crate) policy: &'static str,
    pub(crate) billable: &'static str,
    pub(crate) price: &'static str,
    /// With the currency.
    pub(crate) amount: String,
    pub(crate) all_lines: &'static str,
    pub(crate) brought_forward: &'static str,
    pub(crate) carried_forward: &'static str,
    /// With `{page}` and `{pages}`.
    pub(crate) page: &'static str,
    pub(crate) subtotal: &'static str,
    pub(crate) hours: &'static str,
}

/// A name and an address.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Letterhead {
    pub(crate) name: String,
    pub(crate) lines: Vec<String>,
    pub(crate) facts: Vec<Fact>,
}

/// The invoice that a note corrects.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Corrected {
    pub(crate) text: &'static str,
    pub(crate) facts: Vec<Fact>,
}

/// A line of the table.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Line {
    pub(crate) name: String,
    #[serde(flatten)]
    pub(crate) figures: Figures<String>,
    /// The sum of the amounts down to this line.
    pub(crate) carried: String,
}

/// Something for each column of figures.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Figures<T> {
    pub(crate) gross: T,
    pub(crate) givt: T,
    pub(crate) sivt: T,
    pub(crate) duplicate: T,
    pub(crate) policy: T,
    pub(crate) billable: T,
    pub(crate) price: T,
    pub(crate) amount: T,
}

impl<T> Figures<T> {
    /// The columns of two of these, side by side.
    pub(crate) fn beside<'a, U>(&'a mut self, other: &'a Figures<U>) -> [(&'a mut T, &'a U); 8] {
        [
            (&mut self.gross, &other.gross),
            (&mut self.givt, &other.givt),
            (&mut self.sivt, &other.sivt),
            (&mut self.duplicate, &other.duplicate),
            (&mut self.policy, &other.policy),
            (&mut self.billable, &other.billable),
            (&mut self.price, &other.price),
            (&mut self.amount, &other.amount),
        ]
    }
}

/// An amount below the table.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Extra {
    pub(crate) text: String,
    pub(crate) amount: String,
    /// The sum down to here; of a tax empty.
    pub(crate) carried: String,
}

impl Sheet {
    /// What a template reads.
    pub(crate) fn json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts and numbers are JSON")
    }
}
