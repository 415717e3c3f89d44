//! Drafts as plain values, and what a draft and the document that it becomes have in common.

use std::fmt;

use clicktrail_log::time::Timestamp;

use super::number::DocumentNumber;

/// What one account owes for one period in one currency. At most one draft of it is open.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccountPeriod {
    /// The period's name.
    pub period: String,
    /// Whose account.
    pub advertiser_id: String,
    /// Three letters.
    pub currency: String,
}

impl AccountPeriod {
    /// The id of its draft, before anything of it was issued: `2026-03.acme.EUR`. After so many documents:
    /// `2026-03.acme.EUR.2`.
    pub fn draft_id(&self, documents_before: u32) -> String {
        match documents_before {
            0 => self.to_string(),
            issued => format!("{self}.{}", u64::from(issued) + 1),
        }
    }
}

/// `2026-03.acme.EUR`: no two are shown alike, because periods and currencies have no dots.
impl fmt::Display for AccountPeriod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.period, self.advertiser_id, self.currency)
    }
}

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An invoice.
    Invoice,
    /// It gives back a part of an invoice, or all of it.
    CreditNote,
    /// It asks for more than an invoice did.
    DebitNote,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Invoice, Self::CreditNote, Self::DebitNote];

    /// `invoice`, `credit_note`, `debit_note`, as stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invoice => "invoice",
            Self::CreditNote => "credit_note",
            Self::DebitNote => "debit_note",
        }
    }

    /// From what is stored.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// What a note corrects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Original {
    /// The invoice.
    pub document: DocumentNumber,
    /// Why, in a word: `givt`, `late_events`, `cancelled`.
    pub reason: String,
}

/// The reason of a note that takes back all of an invoice. After it, another invoice may be drafted.
pub(crate) const CANCELLED: &str = "cancelled";

/// What lists and reviews need of a draft or document without opening it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Whose, for what.
    pub about: AccountPeriod,
    /// The zone of the period.
    pub zone: String,
    /// What it is.
    pub kind: Kind,
    /// What it corrects: of notes, and of no invoice.
    pub original: Option<Original>,
    /// Which version of the account's terms it applies.
    pub terms_version: u32,
    /// What is to be paid, in the currency's minor units. Negative amounts are the customer's.
    pub total_minor: i128,
    /// How many lines it has.
    pub lines: u64,
    /// Digest of what makes a revision another one: bill, terms, period. Hexadecimal.
    pub inputs: String,
    /// Digest of the list of segments that it was summed from, hexadecimal.
    pub basis: String,
}

/// A draft before it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDraft {
    /// What is known of it.
    pub facts: Facts,
    /// How many documents of this account and period it was computed after: a note is the difference to them.
    pub documents_before: u32,
    /// Digest of its text in the archive, hexadecimal.
    pub text_digest: String,
    /// The size of that.
    pub text_bytes: u64,
    /// Whether it becomes a revision though the newest one, with the same inputs, was made void by somebody.
    pub revives: bool,
}

/// What came of storing one draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DraftOutcome {
    /// It is a new revision.
    New,
    /// The newest revision has the same inputs, and stays: a draft, or what became of it.
    Same,
    /// Nothing was stored: another number of documents was issued than it was computed after. Of an invoice: there is
    /// one already, and what changed since is for a note.
    Behind,
}

/// Where a draft was stored, or what stands in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraftStored {
    /// The revision that stands now. If [`Behind`](DraftOutcome::Behind): the newest there is, revision 0 if none.
    pub revision: DraftRevision,
    /// What came of it.
    pub outcome: DraftOutcome,
}

/// The revision of a document's draft that nobody knows any more: all of it that was left is its entry in the log.
pub const REVISION_UNKNOWN: u32 = 0;

/// One revision of one draft.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DraftRevision {
    /// The draft's id.
    pub id: String,
    /// From 1, without a hole; or [`REVISION_UNKNOWN`].
    pub revision: u32,
}

/// `2026-03.acme.EUR r2`.
impl fmt::Display for DraftRevision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} r{}", self.id, self.revision)
    }
}

/// How far a revision has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DraftState {
    /// Somebody has to look at it.
    Draft,
    /// It may be issued.
    Approved,
    /// It has a number.
    Issued,
    /// Somebody threw it away.
    Void,
    /// There is a later revision; of the newest one: it is outdated, because nothing would be drafted in its place.
    Superseded,
}

impl DraftState {
    const ALL: [Self; 5] = [Self::Draft, Self::Approved, Self::Issued, Self::Void, Self::Superseded];

    /// As stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Approved => "approved",
            Self::Issued => "issued",
            Self::Void => "void",
            Self::Superseded => "superseded",
        }
    }

    /// From what is stored.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether it may still become a document.
    pub const fn is_open(self) -> bool {
        match self {
            Self::Draft | Self::Approved => true,
            Self::Issued | Self::Void | Self::Superseded => false,
        }
    }
}

impl fmt::Display for DraftState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A revision as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Which.
    pub revision: DraftRevision,
    /// Which document of its account and period it is to become, from 1: so many less one were issued before.
    pub serial: u32,
    /// Whether it is the newest revision.
    pub is_newest: bool,
    /// What is known of it.
    pub facts: Facts,
    /// Digest of its text in the archive, hexadecimal.
    pub text_digest: String,
    /// The size of that.
    pub text_bytes: u64,
    /// How far it has come.
    pub state: DraftState,
    /// When it was stored.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// When its state became what it is.
    pub changed_at: Timestamp,
    /// By whom.
    pub changed_by: String,
}

impl Draft {
    /// Whether it would not be drafted any more, and nothing in its place.
    pub fn is_outdated(&self) -> bool {
        self.is_newest && self.state == DraftState::Superseded
    }

    /// The word for people and programs of how far it has come.
    pub fn word(&self) -> &'static str {
        if self.is_outdated() { "outdated" } else { self.state.as_str() }
    }
}

/// Which drafts are asked for: those that fit all that is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DraftFilter {
    /// Of this period.
    pub period: Option<String>,
    /// Of this account.
    pub advertiser_id: Option<String>,
    /// In this currency.
    pub currency: Option<String>,
    /// Of this kind.
    pub kind: Option<Kind>,
    /// In this state.
    pub state: Option<DraftState>,
}
