//! What each step proved, in words, for somebody who was not there.

use super::{
    basis::Known,
    counting::{Otherwise, Sums},
    counts::Counts,
    dossier::Dossier,
    failure::Failure,
    issued::Found,
    logged::Logged,
    manifest::show,
    opened::Opened,
    pricing::Priced,
    report::{Clicks, Report, RuledOtherwise},
    rows::{Class, Rows},
    signed::{SignedHead, Trust},
    subject::{Asked, Scope},
    verdicts::Verdicts,
};
use crate::bundle::{
    contents::{Kind, Subject},
    names,
};

pub(super) fn subject(subject: &Subject) -> String {
    let advertiser = &subject.advertiser_id;
    match subject.kind {
        Kind::Invoice => {
            let document = subject.document.as_deref().unwrap_or_default();
            let lines = subject
                .campaigns
                .as_ref()
                .map_or_else(String::new, |campaigns| format!(", only the lines of {}", campaigns.join(", ")));
            format!("{document} of {advertiser}{lines}")
        }
        Kind::Events => {
            let shown =
                |instant: Option<crate::bundle::time::Instant>| instant.map_or_else(String::new, |at| at.to_string());
            format!("events of {advertiser} from {} to {}", shown(subject.from), shown(subject.to))
        }
        Kind::Event => format!("the event at {} of {advertiser}", show(subject.position.unwrap_or_default())),
    }
}

pub(super) fn opened(report: &mut Report, opened: &Opened<'_>) {
    let files = opened.contents.files.len();
    report.proven.push(format!("The archive is in its one form, and its {files} files have the bytes that it lists."));
}

pub(super) fn signed(report: &mut Report, head: &SignedHead, trust: &Trust) {
    let checkpoint = &head.checkpoint;
    report.numbers.log_size = checkpoint.size;
    report.proven.push(format!(
        "The head of the log {:?} with {} entries was signed by {}.",
        checkpoint.origin,
        checkpoint.size,
        head.signers.join(", ")
    ));
    if !head.witnesses.is_empty() {
        report.proven.push(format!("It was cosigned by {}.", head.witnesses.join(", ")));
    }
    if trust.witnesses.is_empty() {
        report.not_proven.push(
            "That the log showed the same head to everybody: no witness was asked for (--witness-key).".to_owned(),
        );
    }
    if head.unknown > 0 {
        report.not_proven.push(format!("{} signatures of keys that you did not name were not checked.", head.unknown));
    }
}

pub(super) fn logged(report: &mut Report, logged: &Logged) {
    (report.numbers.hours, report.numbers.verdict_hours) = (logged.clicks.len() as u64, logged.verdicts.len() as u64);
    let range = |manifests: &[super::manifest::Manifest]| match (manifests.first(), manifests.last()) {
        (Some(first), Some(last)) => format!("{} hours from {} to {}", manifests.len(), first.hour, last.hour),
        _ => "no hours".to_owned(),
    };
    report.proven.push(format!(
        "Clicks of {} and verdicts of {} are in that log, without a gap, and no hour was logged twice: all of its {} entries \
         are there.",
        range(&logged.clicks),
        range(&logged.verdicts),
        logged.entries
    ));
}

pub(super) fn documents(report: &mut Report, dossier: &Dossier) {
    let period = &dossier.documents[0].content.period;
    report.proven.push(format!(
        "The documents belong together, each adds up, and all are about the events from {} to {} (not included).",
        period.from, period.to
    ));
    report
        .not_proven
        .push(format!("That these are the period {} in {}: no calendar was asked.", period.name, period.zone));
}

pub(super) fn rows(report: &mut Report, scope: &Scope, rows: &Rows, has_people: bool) {
    let numbers = &mut report.numbers;
    (numbers.rows, numbers.hours_with_rows, numbers.people) = (rows.events.len() as u64, rows.present, rows.people);
    let which = match (&scope.asked, &scope.campaigns) {
        (Asked::Event(_), _) => "It was in its hour when that was sealed.".to_owned(),
        (_, None) => format!(
            "They are all rows of {} in the hours that count: {} hours have some, and {} have none.",
            scope.advertiser, rows.present, rows.absent
        ),
        (_, Some(_)) => format!("They are all rows of {} in these campaigns, and some beside them.", scope.advertiser),
    };
    report.proven.push(format!("{} rows are as they were sealed. {which}", rows.events.len()));
    if rows.people > 0 {
        report.proven.push(format!("The personal columns of {} rows are as they were sealed.", rows.people));
    }
    let without = rows.events.iter().filter(|event| event.class == Class::OtherCampaign).count();
    if without > 0 {
        report
            .not_proven
            .push(format!("{without} rows of other campaigns are there only to show that none is left out."));
    }
    let gone = (rows.events.len() as u64).saturating_sub(rows.people);
    if has_people && gone > 0 {
        report.not_proven.push(format!("The personal columns of {gone} rows: they were erased, or not handed out."));
    }
}

pub(super) fn verdicts(report: &mut Report, verdicts: &Verdicts) {
    report.numbers.verdicts = verdicts.all.len() as u64;
    let before =
        verdicts.before.map_or_else(|| "there were none".to_owned(), |before| format!("before {}", show(before)));
    report.proven.push(format!(
        "{} verdicts on these events are as they were sealed, and they are all ({before}); {} of others were shown to prove \
         it.",
        verdicts.all.len(),
        verdicts.beside
    ));
    if let Some(before) = verdicts.before {
        report
            .not_proven
            .push(format!("What was ruled from {} on, in hours behind those that are there.", show(before)));
    }
}

pub(super) fn counted(
    report: &mut Report,
    dossier: Option<&Dossier>,
    rows: &Rows,
    sums: Option<&Sums>,
) -> Result<(), Failure> {
    let overflow = |_| Failure::arithmetic(names::ROWS, "the counts do not fit");
    let mut all = Counts::default();
    let mut spend = std::collections::BTreeMap::new();
    for (key, counts) in rows.lines.iter().zip(sums.map(|sums| sums.lines.as_slice()).unwrap_or_default()) {
        all = all.plus(counts).map_err(overflow)?;
        if counts.gross > 0 {
            let of_currency: &mut Counts = spend.entry(key.currency.clone()).or_default();
            *of_currency = of_currency.plus(counts).map_err(overflow)?;
        }
    }
    let Counts { gross, givt, sivt, duplicate, policy, billable, .. } = all;
    report.numbers.clicks = Clicks { gross, givt, sivt, duplicate, policy, billable };
    let spent: Vec<_> =
        spend.iter().map(|(currency, counts)| format!("{} {currency}", exact(counts.spend_micros))).collect();
    report.numbers.spend_micros =
        spend.into_iter().map(|(currency, counts)| (currency, counts.spend_micros.to_string())).collect();
    let spent = if spent.is_empty() { "nothing".to_owned() } else { spent.join(", ") };
    let known = if dossier.is_some() { "the verdicts that the last document knows" } else { "these verdicts" };
    report.proven.push(format!(
        "By {known}, {gross} clicks count: {billable} billable, {givt} givt, {sivt} sivt, {duplicate} \
         duplicate, {policy} policy. The billable ones cost {spent}. derivation.csv says the same of each row."
    ));
    Ok(())
}

/// Which verdicts the last document knows, and what the others would change.
pub(super) fn known(report: &mut Report, dossier: &Dossier, otherwise: Otherwise) {
    let Some(last) = dossier.documents.last() else { return };
    let (mut live, mut before) = (0_usize, std::collections::BTreeSet::new());
    for known in dossier.basis_of(last).segments.iter().filter_map(super::basis::Segment::known) {
        match known {
            Known::Before(position) => drop(before.insert(position)),
            Known::Live(_) => live += 1,
        }
    }
    let of_live = (live > 0).then(|| format!("of {live} hours those of the live judge alone"));
    let all = before.first().zip(before.last()).map(|(first, last)| match first == last {
        true => format!("those before {}", show(*first)),
        false => format!("those before {} in some hours, and up to before {} in others", show(*first), show(*last)),
    });
    let known: Vec<String> = of_live.into_iter().chain(all).collect();
    report.proven.push(format!("The last document knows of the verdicts {}.", known.join(", and ")));
    report.numbers.ruled_otherwise =
        RuledOtherwise { clicks: otherwise.clicks, spend_micros: otherwise.micros.to_string() };
    if otherwise.clicks > 0 {
        let currency = &dossier.documents[0].content.bill.currency;
        let (much, how) =
            (exact(otherwise.micros.saturating_abs()), if otherwise.micros < 0 { "less" } else { "more" });
        report.not_proven.push(format!(
            "That the last document counts by every verdict: by all that are there {} clicks count otherwise, and {much} \
             {currency} {how} were billed for them than these say.",
            otherwise.clicks
        ));
    }
    let nowhere = dossier.bases.values().filter(|basis| basis.stands_on().is_none()).count();
    if nowhere > 0 {
        report.not_proven.push(format!(
            "That {nowhere} of the bases know what was signed when they were made, and that the log went on from there: \
             they name no head on which they stand."
        ));
    }
}

/// An amount with as many decimals as it has, two at least.
fn exact(micros: i128) -> String {
    let (sign, size) = if micros < 0 { ("-", micros.unsigned_abs()) } else { ("", micros.unsigned_abs()) };
    let decimals = format!("{:06}", size % 1_000_000);
    let decimals = decimals.trim_end_matches('0');
    format!("{sign}{}.{decimals:0<2}", size / 1_000_000)
}

pub(super) fn priced(report: &mut Report, dossier: &Dossier, priced: &Priced, stands_on: usize) {
    // Of some lines alone no total was computed.
    let total =
        |bill: &super::bill::Bill| if priced.is_whole { format!(" ({})", bill.total_shown()) } else { String::new() };
    let documents = dossier.documents.iter().zip(&dossier.bills);
    let documents: Vec<_> = documents.map(|(document, bill)| format!("{}{}", document.name(), total(bill))).collect();
    report.numbers.documents = documents.len() as u64;
    let documents = documents.join(", ");
    if priced.is_whole {
        let whole = priced.whole.total_shown();
        let together = match dossier.documents.len() {
            0 | 1 => String::new(),
            _ => format!(" Together they come to {whole}."),
        };
        report.numbers.total = Some(whole);
        report.proven.push(format!(
            "Lines, caps, discounts, minimums, taxes and totals of {documents} follow from these counts.{together}"
        ));
    } else {
        report.proven.push(format!("The lines that were asked for, of {documents}, follow from these counts, whole."));
        report.not_proven.push("Other lines, adjustments, taxes and totals: only some campaigns are there.".to_owned());
    }
    if stands_on > 0 {
        report
            .proven
            .push(format!("The log went on from {stands_on} heads on which these documents stand: it was not forked."));
    }
    if dossier.stale() > 0 {
        report
            .not_proven
            .push(format!("{} hours were billed without every verdict, as the basis itself says.", dossier.stale()));
    }
}

pub(super) fn issued(report: &mut Report, found: Found) {
    if found.logged > 0 {
        report.proven.push(format!("In the log of issued documents, with these very bytes: {} of them.", found.logged));
    }
    if found.handed_in > 0 {
        report.proven.push(format!("Byte for byte what you handed in: {} of the documents.", found.handed_in));
        report.not_proven.push(format!(
            "That what you handed in was issued: {} of the documents are not in the log of issued documents yet.",
            found.handed_in
        ));
    }
    report.not_proven.push("That no note about this invoice was issued beside those that are there.".to_owned());
}

/// What no bundle proves.
pub(super) fn never_proven(report: &mut Report) {
    report.not_proven.push("That an event happened as the client said, or that a verdict is right.".to_owned());
    report.not_proven.push(
        "That whoever sealed an hour sorted its rows, and stated the times and targets of its parts, as the format asks: \
         whoever has the archive checks that (log verify --deep)."
            .to_owned(),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_shown_exactly() {
        for (micros, shown) in [
            (0, "0.00"),
            (2_360_180_000, "2360.18"),
            (1, "0.000001"),
            (-1_500_000, "-1.50"),
            (i128::MIN, "-170141183460469231731687303715884.105728"),
        ] {
            assert_eq!(exact(micros), shown);
        }
    }
}
