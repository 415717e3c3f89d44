//! The partner's side: the lines of its file.

use std::path::Path;

use clicktrail_import::{Line, List, Mapping};
use clicktrail_log::frame::Digest;
use clicktrail_projections::zone::Range;
use clicktrail_query::reconcile::{Click, Ledger};

use crate::progress;

/// So many unreadable lines are told of one by one.
const TOLD_MAX: usize = 20;
/// Lines between two looks at how far it is.
const PROGRESS_LINES: u64 = 65_536;

/// What the file held beside its clicks.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// Lines that are clicks of the advertiser.
    pub(super) clicks: u64,
    /// Lines that are something else, or of somebody else.
    pub(super) others: u64,
    /// Lines that could not be read. They are in no sum.
    pub(super) unreadable: u64,
    /// The first of them: line, code, what is wrong.
    pub(super) told: Vec<(u64, &'static str, String)>,
}

/// Reads a file into a ledger.
pub(super) fn read(
    path: &Path,
    mapping: Mapping,
    advertiser: &str,
    range: &Range,
    ledger: &mut Ledger,
) -> anyhow::Result<(Read, Digest)> {
    let mut list = List::open(path, mapping)?;
    let (mut read, mut failed, mut lines) = (Read::default(), Ok(()), 0_u64);
    let bar = progress::bar(0, "read");
    while failed.is_ok() {
        let is_more = list.next(advertiser, |number, line| match line {
            Line::Click(listed) => {
                read.clicks += 1;
                let click = Click {
                    event_id: listed.event_id,
                    ad_id: listed.ad_id,
                    campaign_id: listed.campaign_id,
                    time: listed.time,
                    price_micros: listed.price_micros,
                    currency: listed.currency,
                };
                failed = ledger.add_theirs(&click, number, range.holds(listed.time));
            }
            Line::Other => read.others += 1,
            Line::Unreadable(code, detail) => {
                read.unreadable += 1;
                if read.told.len() < TOLD_MAX {
                    read.told.push((number, code, detail));
                }
            }
        })?;
        if !is_more {
            break;
        }
        lines += 1;
        if lines % PROGRESS_LINES == 0 {
            bar.set_position(lines);
        }
    }
    bar.finish_and_clear();
    failed?;
    Ok((read, list.digest()))
}
