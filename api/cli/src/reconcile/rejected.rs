//! What came to us and is no event: rejected events, read once, for clicks that only the partner has.
//!
//! An event of the API says its id, or its ad and time. Of another text, as a line of an imported file, every word is
//! taken for an id: an id of the list that stands in it as a word is the one that was rejected.

use clicktrail_capture as capture;
use clicktrail_query::reconcile::{Matched, Rejection};
use clicktrail_replay::history::Start;

use crate::{
    installation::Installation,
    rejected::{Entries, Entry},
};

/// What parts words in the text of a rejected event.
const BETWEEN_WORDS: &[char] = &['"', '\'', ',', ';', '{', '}', '[', ']', '(', ')', '<', '>', '&', '=', '?', '|', '/'];

/// Tells of every rejection that explains a click.
pub(super) async fn explain(instance: &Installation, advertiser: &str, matched: &mut Matched) -> anyhow::Result<()> {
    let mut all = Entries::open(instance, Start::Beginning).await?;
    while matched.unexplained() > 0
        && let Some(entries) = all.next().await?
    {
        entries.iter().for_each(|entry| tell(entry, advertiser, matched));
    }
    Ok(())
}

fn tell(entry: &Entry, advertiser: &str, matched: &mut Matched) {
    let rejection = || Rejection { position: entry.position, code: entry.code.clone(), detail: entry.detail.clone() };
    let draft = entry.source.starts_with("http").then(|| capture::parse::draft(&entry.original).ok()).flatten();
    if let Some(draft) = draft {
        if draft.advertiser_id.as_deref().is_some_and(|of| of != advertiser) {
            return;
        }
        if draft.event_id.as_deref().is_some_and(|id| matched.reject_id(id, rejection)) {
            return;
        }
        if let Some(ad) = draft.ad_id.as_deref() {
            matched.reject_at(ad, draft.event_time.unwrap_or(entry.rejected_at), rejection);
        }
        return;
    }
    let text = String::from_utf8_lossy(&entry.original);
    let words = text.split(|letter: char| letter.is_whitespace() || BETWEEN_WORDS.contains(&letter));
    for word in words.filter(|word| !word.is_empty()) {
        if matched.reject_id(word, rejection) {
            return;
        }
    }
}
