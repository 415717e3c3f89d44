use proptest::prelude::*;

use super::*;
use crate::testing::{self, clicks};

proptest! {
    #[test]
    fn what_is_added_can_be_taken_away_again(one in testing::usages(), other in testing::usages()) {
        let both = one.plus(&other).unwrap();
        prop_assert_eq!(both.total().unwrap(), one.total().unwrap().plus(&other.total().unwrap()).unwrap());
        let mut rest = one.clone();
        rest.campaigns.retain(|_, counts| !counts.is_zero());
        prop_assert_eq!(both.minus(&other).unwrap(), rest);
    }
}

#[test]
fn counts_that_are_too_large_are_errors_and_nothing_is_added() {
    let mut usage = Usage::default();
    usage.add("a", &clicks(i64::MAX, 1)).unwrap();
    let before = usage.clone();
    let error = usage.add("a", &clicks(1, 1)).unwrap_err().to_string();
    assert_eq!((error.as_str(), &usage), ("the count gross is too large to be counted", &before));
    let mut spend = Usage::default();
    spend.add("a", &clicks(0, i128::MAX)).unwrap();
    assert!(spend.add("a", &clicks(0, 1)).is_err() && spend.plus(&spend).is_err());
    let negative = Counts { gross: i64::MIN, ..Counts::default() };
    assert!(Counts::default().minus(&negative).is_err() && negative.net().is_ok());
    assert!(Counts { givt: 1, ..negative }.net().is_err());
}
