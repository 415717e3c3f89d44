//! What came of correcting: a note for each account, nothing, or why not.

use clicktrail_catalog::invoicing::{AccountPeriod, DraftRevision};
use clicktrail_invoices::{
    Bill, Currency,
    document::{Draft, Kind, Original},
};
use clicktrail_log::time::Hour;

use crate::ready::Lack;

/// What came of one account's period.
#[derive(Debug)]
pub enum Correction {
    /// What was issued is what it comes to.
    Nothing {
        /// A draft that was open all the same: it corrects what is no longer wrong, and is outdated from now on.
        open: Option<DraftRevision>,
    },
    /// There is a note.
    Drafted {
        /// Which draft.
        revision: DraftRevision,
        /// Whether this revision is new.
        is_new: bool,
        /// The note.
        note: Box<Note>,
    },
    /// Nothing was drafted: why.
    Refused(String),
}

/// What is told of a note. Its text is in the archive: those of all accounts of a period are never held at once.
#[derive(Debug, Clone)]
pub struct Note {
    /// Credit note or debit note.
    pub kind: Kind,
    /// What it corrects.
    pub original: Option<Original>,
    /// The hours that moved.
    pub hours: Vec<Hour>,
    /// Its currency.
    pub currency: Currency,
    /// What is to be paid; negative where it is paid back.
    pub total: i128,
    /// All of it, if one account alone was corrected.
    pub bill: Option<Bill>,
}

/// What was corrected.
#[derive(Debug, Default)]
pub struct Corrected {
    /// By account and currency, in order.
    pub accounts: Vec<(AccountPeriod, Correction)>,
    /// Why nothing was: in a zone hours are missing.
    pub lacks: Vec<(String, Vec<Lack>)>,
}

impl Note {
    pub(super) fn of(draft: Draft) -> Self {
        Self {
            kind: draft.kind,
            original: draft.original,
            hours: draft.hours.iter().map(|moved| moved.hour).collect(),
            currency: draft.bill.currency,
            total: draft.bill.total,
            bill: Some(draft.bill),
        }
    }
}

impl Corrected {
    /// One account's lines may be shown, and those of many would fill memory.
    pub(super) fn add(&mut self, about: AccountPeriod, correction: Correction) {
        self.accounts.push((about, correction));
        if let [(_, first), .., (_, last)] = self.accounts.as_mut_slice() {
            first.forget_lines();
            last.forget_lines();
        }
    }
}

impl Correction {
    pub(super) fn forget_lines(&mut self) {
        match self {
            Self::Drafted { note, .. } => note.bill = None,
            Self::Nothing { .. } | Self::Refused(_) => {}
        }
    }
}
