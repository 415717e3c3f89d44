use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::testing::{
    bed::{Bed, bed},
    click,
};

const NOW: Timestamp = Timestamp::from_micros(1_000_000);

fn by(actor: &str) -> Attribution {
    Attribution { actor: actor.to_owned(), reason: "seen".to_owned(), note: None }
}

fn place(bed: &Bed) -> (Arc<dyn Log>, Archive) {
    (Arc::clone(&bed.log) as Arc<dyn Log>, bed.archive.clone())
}

async fn rule(bed: &Bed, id: u64, ruling: (Decision, Option<Category>), actor: &str) -> Position {
    let verdict = verdict(click(id), format!("event-{id}"), ruling, Stage::Manual, &by(actor), NOW);
    let (log, archive) = place(bed);
    let seq = append(log, archive, &[verdict]).await.unwrap().unwrap();
    bed.reader().address(seq).await.unwrap()
}

/// What stands about a click, and every verdict about it by hand.
async fn history(bed: &Bed, id: u64) -> Vec<(Position, Verdict)> {
    let reader = bed.reader();
    let about = reader.about(click(id)..click(id).plus_rows(1), reader.end().await.unwrap()).await.unwrap();
    let by_hand = about.into_iter().filter(|ruled| ruled.verdict.stage == Stage::Manual);
    by_hand.map(|ruled| (ruled.position, ruled.verdict)).collect()
}

fn revoked_by(verdict: &Verdict) -> Option<&Evidence> {
    verdict.reasons[0].evidence.iter().find(|(name, _)| name == "revokes").map(|(_, what)| what)
}

#[tokio::test]
async fn revocation_says_what_stood_before_and_where_it_stands_itself() {
    let bed = bed().await;
    let ruled = rule(&bed, 1, (Decision::Valid, None), "anna").await;
    let (verdict, at) = revoke(place(&bed), (click(1), "event-1"), &by("ben"), NOW).await.unwrap();
    assert_eq!((verdict.decision, verdict.category), (Decision::Invalid, Some(Category::Sivt)), "what the judge said");
    assert_eq!(revoked_by(&verdict), Some(&Evidence::Position(ruled)));
    assert_eq!(history(&bed, 1).await.last(), Some(&(at, verdict)));
    let nothing = revoke(place(&bed), (click(2), "event-2"), &by("ben"), NOW).await.unwrap_err();
    assert!(matches!(nothing, Error::NotByHand(position) if position == click(2)), "{nothing}");
}

/// Anna rules while Ben takes back what he saw before: Ben's command looks again, and names Anna's ruling.
#[tokio::test]
async fn ruling_between_look_and_append_is_not_taken_back_unseen() {
    let bed = bed().await;
    let first = rule(&bed, 1, (Decision::Valid, None), "ben").await;
    let (log, archive) = place(&bed);
    let (reader, looks, ben) = (bed.reader(), AtomicUsize::new(0), by("ben"));
    let decide = async || {
        let verdict = revoked(&reader, click(1), "event-1".to_owned(), &ben, NOW).await?;
        if looks.fetch_add(1, Ordering::SeqCst) == 0 {
            assert_eq!(revoked_by(&verdict), Some(&Evidence::Position(first)));
            rule(&bed, 1, (Decision::Invalid, Some(Category::Policy)), "anna").await;
        }
        Ok::<_, Error>((vec![verdict], ()))
    };
    decided(log, archive, decide).await.unwrap();
    assert_eq!(looks.load(Ordering::SeqCst), 2, "it looked again");
    let history = history(&bed, 1).await;
    let [_, (anna, _), (_, revocation)] = history.as_slice() else { panic!("{history:#?}") };
    assert_eq!(revoked_by(revocation), Some(&Evidence::Position(*anna)), "what it takes back is what it saw");
}

/// Two people do the same at once: the second finds it done.
#[tokio::test]
async fn what_another_did_meanwhile_is_not_done_again() {
    let bed = bed().await;
    let before = history(&bed, 3).await.len();
    let (log, archive) = place(&bed);
    let (looks, others) = (AtomicUsize::new(0), (Decision::Invalid, Some(Category::Policy)));
    let decide = async || {
        let there = history(&bed, 3).await.len() > before;
        let ours = verdict(click(3), "event-3".to_owned(), others, Stage::Manual, &by("ben"), NOW);
        if looks.fetch_add(1, Ordering::SeqCst) == 0 {
            rule(&bed, 3, others, "anna").await;
        }
        Ok::<_, Error>((if there { Vec::new() } else { vec![ours] }, there))
    };
    let (appended, there) = decided(log, archive, decide).await.unwrap();
    assert_eq!((appended, there), (None, true));
    assert_eq!(history(&bed, 3).await.len(), before + 1);
}

/// A query's or a judge's verdicts say what is to be, whatever was ruled meanwhile.
#[tokio::test]
async fn plain_append_goes_behind_whatever_others_append() {
    let bed = bed().await;
    let (one, other) = tokio::join!(
        rule(&bed, 5, (Decision::Valid, None), "anna"),
        rule(&bed, 5, (Decision::Invalid, Some(Category::Givt)), "ben"),
    );
    let found: Vec<Position> = history(&bed, 5).await.into_iter().map(|(position, _)| position).collect();
    assert!(one != other && found.contains(&one) && found.contains(&other), "{one} {other} {found:?}");
    let (log, archive) = place(&bed);
    assert_eq!(append(log, archive, &[]).await.unwrap(), None);
}
