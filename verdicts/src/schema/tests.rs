use clicktrail_log::{
    position::{Epoch, Seq},
    schema::{check_additive, columns, id},
};
use proptest::prelude::*;

use super::*;
use crate::{
    testing::{any_verdict, verdict},
    verdict::Evidence,
};

#[test]
fn present_columns_are_published_and_break_no_earlier_ones() {
    let now = columns(&verdicts());
    let published = published();
    assert!(published.iter().any(|(version, _)| *version == id(&verdicts())), "add it under verdicts/schemas");
    for (version, columns) in published {
        assert_eq!(check_additive(&columns, &now), [], "version {version}");
    }
}

#[test]
fn verdict_that_contradicts_itself_is_not_written() {
    let cases: [fn(&mut Verdict); 3] = [
        |verdict| verdict.category = None,
        |verdict| verdict.decision = Decision::Valid,
        |verdict| verdict.score_permille = 1_001,
    ];
    for spoil in cases {
        let mut verdicts = [verdict(1), verdict(2)];
        spoil(&mut verdicts[1]);
        assert!(matches!(to_batch(&verdicts), Err(Error::Row { row: 1, .. })), "{:?}", verdicts[1]);
    }
}

/// Replaces a column of two rows and expects the second to be named.
fn check_bad(name: &str, values: ArrayRef, expected: &str) {
    let batch = to_batch(&[verdict(1), verdict(2)]).unwrap();
    let mut columns = batch.columns().to_vec();
    columns[batch.schema().index_of(name).unwrap()] = values;
    let error = from_batch(&RecordBatch::try_new(verdicts(), columns).unwrap()).unwrap_err().to_string();
    assert!(error.starts_with("row 1 of verdicts is unusable") && error.contains(expected), "{name}: {error}");
}

#[test]
fn bad_row_is_named() {
    let texts = |bad: &str| -> ArrayRef { Arc::new(StringArray::from(vec!["invalid", bad])) };
    let target = Position::new(Epoch::FIRST, Seq::FIRST, 0).as_i64();
    check_bad("target", Arc::new(Int64Array::from(vec![target, -1])), "target -1");
    check_bad("target", Arc::new(Int64Array::from(vec![target, 7])), "target 7");
    check_bad("decision", texts("perhaps"), "perhaps");
    check_bad("decision", texts("valid"), "it is valid, and yet of category sivt");
    check_bad("category", Arc::new(StringArray::from(vec![Some("sivt"), None])), "no category");
    check_bad("category", Arc::new(StringArray::from(vec!["sivt", "bad"])), "bad");
    check_bad("stage", Arc::new(StringArray::from(vec!["live", "later"])), "later");
    check_bad("reasons", Arc::new(StringArray::from(vec!["[]", "[1]"])), "reasons");
    for score in [-1, 1_001, 70_000] {
        check_bad("score_permille", Arc::new(Int64Array::from(vec![0, score])), "score_permille");
    }
}

#[test]
fn other_columns_are_refused() {
    let batch = to_batch(&[verdict(1)]).unwrap();
    for index in 0..batch.num_columns() {
        let others: Vec<usize> = (0..batch.num_columns()).filter(|other| *other != index).collect();
        let error = from_batch(&batch.project(&others).unwrap()).unwrap_err();
        assert!(matches!(error, Error::Columns(_)), "{error}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_what_is_read(verdicts in prop::collection::vec(any_verdict(), 0..20)) {
        let batch = to_batch(&verdicts).unwrap();
        prop_assert_eq!(from_batch(&batch).unwrap(), verdicts.clone());
        let outlines = Outlines::of(&batch).unwrap();
        for (row, verdict) in verdicts.iter().enumerate() {
            let Verdict { target, decision, category, stage, .. } = *verdict;
            prop_assert_eq!(outlines.row(row).unwrap(), Outline { target, decision, category, stage });
        }
    }

    #[test]
    fn evidence_of_any_text_reads_back(texts in prop::collection::vec((any::<String>(), any::<String>()), 0..5)) {
        let mut one = verdict(1);
        one.reasons[0].evidence = texts.into_iter().map(|(name, text)| (name, Evidence::Text(text))).collect();
        prop_assert_eq!(from_batch(&to_batch(std::slice::from_ref(&one)).unwrap()).unwrap(), [one]);
    }
}
