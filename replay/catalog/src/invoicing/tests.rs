//! Whatever is asked in whatever order: what stands in the books is right, and no call is answered by a constraint of
//! the database, which is there for what this program would do wrong.

use clicktrail_log::{frame::Digest, time::Timestamp};
use proptest::prelude::*;

use super::{
    AccountPeriod, Artefact, Document, DocumentFilter, DocumentNumber, DraftFilter, DraftRevision, DraftState, Facts,
    Invoicing, Kind, NewDocument, NewDraft, Original,
};
use crate::{Error, Sqlite};

/// Something that somebody asks for. What is off is mostly 0: then it is about what stands.
#[derive(Debug, Clone)]
enum Step {
    Put { account: u8, kind: Kind, inputs: u8, off: u32, is_cancelled: bool, revives: bool },
    Approve { account: u8, off: u32 },
    Void { account: u8, off: u32 },
    Issue { account: u8, off: u32, skip: u32 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let kind = prop_oneof![3 => Just(Kind::Invoice), 2 => Just(Kind::CreditNote), 1 => Just(Kind::DebitNote)];
    let account = 0_u8..2;
    let off = || prop_oneof![6 => Just(0_u32), 1 => 1_u32..3];
    let put = (account.clone(), kind, 0_u8..3, off(), any::<bool>(), any::<bool>()).prop_map(
        |(account, kind, inputs, off, is_cancelled, revives)| Step::Put {
            account,
            kind,
            inputs,
            off,
            is_cancelled,
            revives,
        },
    );
    let approve = (account.clone(), off()).prop_map(|(account, off)| Step::Approve { account, off });
    let void = (account.clone(), off()).prop_map(|(account, off)| Step::Void { account, off });
    let issue = (account, off(), off()).prop_map(|(account, off, skip)| Step::Issue { account, off, skip });
    proptest::collection::vec(prop_oneof![4 => put, 4 => approve, 1 => void, 4 => issue], 1..80)
}

fn about(account: u8) -> AccountPeriod {
    let (period, currency) = ("2026-03".to_owned(), "EUR".to_owned());
    AccountPeriod { period, advertiser_id: format!("a{account}"), currency }
}

fn sum(text: &str) -> String {
    Digest::of(text.as_bytes()).to_string()
}

/// The newest revision of the last draft of an account, or one that is so far off.
async fn draft(catalog: &Sqlite, account: u8, off: u32) -> DraftRevision {
    let filter = DraftFilter { advertiser_id: Some(format!("a{account}")), ..DraftFilter::default() };
    let last = catalog.drafts(&filter, "", 99).await.unwrap().into_iter().max_by_key(|draft| draft.serial);
    let last = last.map_or(DraftRevision { id: about(account).draft_id(0), revision: 1 }, |draft| draft.revision);
    DraftRevision { revision: last.revision.wrapping_sub(off).clamp(1, 99), ..last }
}

fn number(number: u32) -> DocumentNumber {
    DocumentNumber { series: "INV".to_owned(), number }
}

async fn take(catalog: &Sqlite, step: &Step) -> Result<(), Error> {
    let now = Timestamp::from_micros(0);
    match *step {
        Step::Put { account, kind, inputs, off, is_cancelled, revives } => {
            let reason = if is_cancelled { "cancelled" } else { "givt" }.to_owned();
            let issued = catalog.documents_of(&about(account)).await?;
            let invoices = issued.iter().rev().filter(|document| document.facts.kind == Kind::Invoice);
            let last = invoices.map(|document| document.number.number).next().unwrap_or(1);
            let document = number(last + off);
            let original = (kind != Kind::Invoice).then_some(Original { document, reason });
            let documents_before = u32::try_from(issued.len()).unwrap() + off;
            let facts = Facts {
                about: about(account),
                zone: "UTC".to_owned(),
                kind,
                original,
                terms_version: 1,
                total_minor: i128::from(inputs),
                lines: 1,
                inputs: sum(&inputs.to_string()),
                basis: sum("basis"),
            };
            let (text_digest, text_bytes) = (sum("text"), 4);
            let new = NewDraft { facts, documents_before, text_digest, text_bytes, revives };
            catalog.put_drafts(&[new], "ann", now).await.map(|_| ())
        }
        Step::Approve { account, off } => {
            catalog.approve(&[draft(catalog, account, off).await], "ann", now).await.map(|_| ())
        }
        Step::Void { account, off } => {
            catalog.void(&draft(catalog, account, off).await, "why", "ann", now).await.map(|_| ())
        }
        Step::Issue { account, off, skip } => {
            let next = catalog.next_number("INV").await?.number + skip;
            let (format, key) = ("json".to_owned(), "k".to_owned());
            let artefact = Artefact { format, key, digest: sum("json"), bytes: 4 };
            let (issued_on, due_on) = ("2026-04-01".to_owned(), "2026-05-01".to_owned());
            let draft = draft(catalog, account, off).await;
            let digest = sum(&draft.to_string());
            let artefacts = vec![artefact];
            let new = NewDocument { draft, number: number(next), issued_on, due_on, digest, artefacts };
            catalog.issue(&[new], "ann", now).await.map(|_| ())
        }
    }
}

/// What has to hold whatever was done.
async fn check(catalog: &Sqlite) {
    let documents = catalog.documents(&DocumentFilter::default(), None, 99).await.unwrap();
    let numbers: Vec<u32> = documents.iter().map(|document| document.number.number).collect();
    let expected: Vec<u32> = (1..).take(numbers.len()).collect();
    assert_eq!(numbers, expected, "numbers have a gap");
    for account in 0..2 {
        let issued = catalog.documents_of(&about(account)).await.unwrap();
        check_account(&issued);
        let filter = DraftFilter { advertiser_id: Some(format!("a{account}")), ..DraftFilter::default() };
        let drafts = catalog.drafts(&filter, "", 99).await.unwrap();
        let open: Vec<_> = drafts.iter().filter(|draft| draft.state.is_open()).collect();
        assert!(open.len() <= 1, "two drafts would bill the same: {open:?}");
        let mut became: Vec<_> = drafts.iter().filter(|draft| draft.state == DraftState::Issued).collect();
        became.sort_by_key(|draft| draft.serial);
        assert_eq!(became.len(), issued.len());
        for (draft, document) in became.iter().zip(&issued) {
            assert_eq!((&draft.revision, &draft.facts), (&document.draft, &document.facts));
        }
    }
    assert_eq!(catalog.invoicing_damage().await.unwrap(), Vec::<String>::new());
}

/// An invoice first, notes about invoices, and another invoice only behind one that was cancelled.
fn check_account(issued: &[Document]) {
    for (at, document) in issued.iter().enumerate() {
        assert_eq!(document.serial as usize, at + 1);
        let before = &issued[..at];
        match &document.facts.original {
            None => {
                let last = before.last().map(|last| last.facts.original.as_ref().map(|note| note.reason.as_str()));
                assert!(matches!(last, None | Some(Some("cancelled"))), "{document:?} behind {before:?}");
            }
            Some(original) => {
                let is_it = |other: &Document| other.number == original.document && other.facts.kind == Kind::Invoice;
                assert!(before.iter().any(is_it), "{document:?} behind {before:?}");
            }
        }
    }
}

proptest! {
    // Each case makes a catalog in a file of its own.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn books_are_right_whatever_is_asked(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let directory = tempfile::tempdir().unwrap();
            let catalog = Sqlite::open(&directory.path().join("catalog.sqlite")).await.unwrap();
            for step in &steps {
                match take(&catalog, step).await {
                    Ok(()) | Err(Error::Refused(_) | Error::Conflict(_)) => {}
                    Err(other) => panic!("{step:?}: {other:?}"),
                }
            }
            check(&catalog).await;
        });
    }
}
