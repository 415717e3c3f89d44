#![allow(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]

use proptest::prelude::*;

use super::*;
use crate::{
    document::Reason,
    testing::{self, invoice, note, usage},
    usage::Usage,
};

/// What accounts come to, debits positive.
fn balances(documents: &[&Document]) -> [i128; 4] {
    let mut sums = [0; 4];
    for entry in documents.iter().flat_map(|document| entries(document).unwrap()) {
        let account = Account::ALL.iter().position(|account| *account == entry.account).unwrap();
        assert!(entry.debit >= 0 && entry.credit >= 0 && (entry.debit == 0) != (entry.credit == 0), "{entry:?}");
        sums[account] += entry.debit - entry.credit;
    }
    sums
}

proptest! {
    #[test]
    fn debits_of_every_document_are_its_credits(
        first in testing::usages(), correct in testing::usages(), terms in testing::terms(),
    ) {
        let issued = invoice(&terms, &first);
        let note = note(&issued, &correct, Reason::Correction);
        for document in [&issued, &note] {
            prop_assert_eq!(balances(&[document]).iter().sum::<i128>(), 0);
            prop_assert_eq!(balances(&[document])[0], document.draft.bill.total);
        }
        let truth = invoice(&terms, &correct);
        prop_assert_eq!(balances(&[&issued, &note]), balances(&[&truth]), "a note reduces what its invoice booked");
        let cancelled = testing::note(&issued, &Usage::default(), Reason::Cancelled);
        let nothing = invoice(&terms, &Usage::default());
        prop_assert_eq!(balances(&[&issued, &cancelled]), balances(&[&nothing]));
    }
}

fn csv<'d>(documents: impl IntoIterator<Item = &'d Document>) -> Result<Vec<u8>, Error> {
    let mut bookings = Bookings::new();
    documents.into_iter().try_for_each(|document| bookings.add(document))?;
    Ok(bookings.csv())
}

#[test]
fn ledger_of_an_invoice_and_its_note() {
    let terms = crate::Terms::from_toml(testing::ACME, "acme.toml").unwrap();
    let issued = invoice(&terms, &usage(&[("spring", testing::clicks(1000, 1_000_000_000))]));
    let credited = note(&issued, &usage(&[("spring", testing::clicks(900, 900_000_000))]), Reason::Sivt);
    let text = String::from_utf8(csv([&issued, &credited]).unwrap()).unwrap();
    assert_eq!(
        text.replace("\r\n", "\n").replace('"', ""),
        "date,document,kind,period,advertiser_id,account,tax_category,tax_rate_basis_points,debit,credit,currency\n\
         2026-04-02,INV-00000012,invoice,2026-03,acme,receivable,,,1107.89,,EUR\n\
         2026-04-02,INV-00000012,invoice,2026-03,acme,revenue,,,,1000.00,EUR\n\
         2026-04-02,INV-00000012,invoice,2026-03,acme,discounts,,,69.00,,EUR\n\
         2026-04-02,INV-00000012,invoice,2026-03,acme,tax,S,1900,,176.89,EUR\n\
         2026-05-20,CN-00000007,credit_note,2026-03,acme,receivable,,,,110.79,EUR\n\
         2026-05-20,CN-00000007,credit_note,2026-03,acme,revenue,,,100.00,,EUR\n\
         2026-05-20,CN-00000007,credit_note,2026-03,acme,discounts,,,,6.90,EUR\n\
         2026-05-20,CN-00000007,credit_note,2026-03,acme,tax,S,1900,17.69,,EUR\n"
    );
}
