//! What rulings that were just appended do to the bill: said by every command that rules, because it is not what most
//! people expect.
//!
//! Billed totals know live verdicts alone. That holds for an hour that is sealed already, and as well for one that is
//! still open: it will be sealed without the ruling.

use std::collections::BTreeSet;

use clicktrail_log::{position::Seq, time::Hour};

use crate::{installation::Installation, output};

/// Says on stderr what so many `verdicts` about events in these `frames` do to the bill. `as_of` is a position behind
/// them, or `latest`.
pub(crate) async fn say(
    instance: &Installation,
    frames: BTreeSet<Seq>,
    verdicts: usize,
    as_of: &str,
) -> anyhow::Result<()> {
    let (mut sealed, mut is_open, mut known_through) = (BTreeSet::new(), false, Seq::ZERO);
    for frame in frames {
        // Frames come in order, and an hour is a range of them.
        if frame <= known_through {
            continue;
        }
        match instance.catalog.hour_of(frame).await? {
            Some(hour) => {
                known_through = hour.last_seq;
                sealed.insert(hour.hour);
            }
            // What is behind the last sealed hour is open.
            None => {
                is_open = true;
                break;
            }
        }
    }
    for sentence in sentences(&sealed, is_open, verdicts, as_of) {
        output::note(&sentence);
    }
    Ok(())
}

fn sentences(sealed: &BTreeSet<Hour>, is_open: bool, verdicts: usize, as_of: &str) -> Vec<String> {
    let (these, them) = if verdicts == 1 { ("this verdict", "it") } else { ("these verdicts", "them") };
    let hours = match (sealed.first(), sealed.last()) {
        (Some(first), Some(last)) if first == last => Some((format!("hour {first} is sealed"), "the hour")),
        (Some(first), Some(last)) => {
            let hours = output::count(sealed.len(), "hour");
            Some((format!("{hours} between {first} and {last} are sealed"), "the hours"))
        }
        (None, _) | (_, None) => None,
    };
    let mut said = Vec::new();
    if let Some((are_sealed, which)) = hours {
        said.push(format!("billed totals stay as they are: {are_sealed}, and the totals do not know {these}"));
        said.push(format!("  `clicktrail verdicts stale` lists {which}"));
    }
    if is_open {
        let also = if sealed.is_empty() { "" } else { "an hour is still open: " };
        said.push(format!(
            "{also}billed totals do not count {these}, neither now nor when the open hour is sealed: they know only \
             what the judge finds live"
        ));
        said.push("  `clicktrail verdicts stale` lists the hour once it is sealed".to_owned());
    }
    if !said.is_empty() {
        said.push(format!("  `clicktrail counters --as-of {as_of}` counts with {them}"));
    }
    said
}

#[cfg(test)]
mod tests {
    use clicktrail_log::time::Timestamp;

    use super::*;

    #[track_caller]
    fn check(sealed: &[&str], is_open: bool, verdicts: usize, expected: &[&str]) {
        let hour = |hour: &&str| Timestamp::parse_rfc3339(&format!("{hour}:00:00Z")).unwrap().hour();
        let sealed = sealed.iter().map(hour).collect();
        assert_eq!(sentences(&sealed, is_open, verdicts, "latest"), expected);
    }

    #[test]
    fn sealed_open_and_mixed_hours_are_told_apart() {
        check(&[], false, 0, &[]);
        check(
            &["2026-11-25T03"],
            false,
            1,
            &[
                "billed totals stay as they are: hour 2026-11-25T03 is sealed, and the totals do not know this verdict",
                "  `clicktrail verdicts stale` lists the hour",
                "  `clicktrail counters --as-of latest` counts with it",
            ],
        );
        let open = "billed totals do not count this verdict, neither now nor when the open hour is sealed: they know only \
                    what the judge finds live";
        check(
            &[],
            true,
            1,
            &[
                open,
                "  `clicktrail verdicts stale` lists the hour once it is sealed",
                "  `clicktrail counters --as-of latest` counts with it",
            ],
        );
        check(
            &["2026-11-25T03", "2026-11-25T05"],
            true,
            7,
            &[
                "billed totals stay as they are: 2 hours between 2026-11-25T03 and 2026-11-25T05 are sealed, and the totals \
                 do not know these verdicts",
                "  `clicktrail verdicts stale` lists the hours",
                &format!("an hour is still open: {}", open.replace("this verdict", "these verdicts")),
                "  `clicktrail verdicts stale` lists the hour once it is sealed",
                "  `clicktrail counters --as-of latest` counts with them",
            ],
        );
    }
}
