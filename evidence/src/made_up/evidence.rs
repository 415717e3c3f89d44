//! The bundle of a dossier, or of events of its advertiser: honest, or with something left out that the proofs then
//! show to be left out.

use std::{collections::BTreeMap, io, ops::Range};

use super::{
    asked::Asked,
    dossier::{Dossier, issue_leaf},
    rows::salt_text,
    world::ClickHour,
};
use crate::{
    advertisers::{Key, Proof},
    bundle::{
        Assembly, Contents,
        advertisers::Line,
        canonical,
        columns::{DERIVATION, ISSUED, PEOPLE, ROWS, VERDICTS},
        contents::{FORMAT, Hours, Personal},
        names,
        proof::{self, Leaf},
        table,
    },
    hash::Hash,
    row::Value,
    tlog::Entry,
    tree::{self, Subtree, consistency},
    verdict,
};

/// The files of a bundle before they are put together.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// Its list of contents, without files.
    pub contents: Contents,
    /// All files but README and list.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// What a dishonest maker of a bundle leaves out, with proofs that are otherwise right. Nothing by default.
#[derive(Debug, Clone, Default)]
pub struct LeftOut {
    /// Rows: place of the hour and leaf.
    pub rows: Vec<(usize, u64)>,
    /// Verdicts: place of the hour and leaf; hidden, with what is beside them.
    pub verdicts: Vec<(usize, u64)>,
    /// Verdicts that are shown as if they were somebody else's.
    pub beside: Vec<(usize, u64)>,
    /// So many entries at the beginning of the log of logs.
    pub entries: usize,
    /// So many hours of clicks at the end.
    pub last_clicks: usize,
    /// So many hours of verdicts at the end.
    pub last_verdicts: usize,
}

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// The invoice, or events.
    pub asked: Asked,
    /// Only these campaigns.
    pub campaigns: Option<Vec<String>>,
    /// With personal columns, for a case.
    pub case: Option<String>,
    /// Personal columns that were erased: place of the hour and leaf.
    pub erased: Vec<(usize, u64)>,
}

impl Evidence {
    /// The archive.
    pub fn zip(&self) -> Vec<u8> {
        let mut assembly = Assembly::default();
        for (name, bytes) in &self.files {
            assembly.put(name, bytes.clone());
        }
        assembly.finish(self.contents.clone(), Vec::new()).expect("memory takes everything")
    }
}

/// Ranges of leaves that are shown.
fn ranges(shown: impl IntoIterator<Item = u64>) -> Vec<Range<u64>> {
    let mut ranges: Vec<Range<u64>> = Vec::new();
    for leaf in shown {
        match ranges.last_mut() {
            Some(last) if last.end == leaf => last.end += 1,
            _ => ranges.push(leaf..leaf + 1),
        }
    }
    ranges
}

/// Adds a tree of which some leaves are shown.
fn show(leaves: &[Hash], shown: &[Range<u64>], how: &mut impl FnMut(u64) -> Leaf, out: &mut Vec<u8>) {
    let of = |subtree: Subtree| (subtree.start..subtree.end).map(|leaf| leaves[at(leaf)]);
    let hidden = &mut |subtree| Ok::<_, io::Error>(tree::root(of(subtree)));
    proof::write(leaves.len() as u64, shown, out, how, hidden).expect("memory takes everything");
}

fn at(leaf: u64) -> usize {
    usize::try_from(leaf).expect("a place of a list")
}

/// A table in the making.
fn table(columns: &'static [table::Column]) -> Vec<u8> {
    let mut bytes = Vec::new();
    table::write_names(columns, &mut bytes).expect("memory takes everything");
    bytes
}

fn add<'v>(values: impl IntoIterator<Item = Value<'v>>, bytes: &mut Vec<u8>) {
    table::write_row(values, bytes).expect("memory takes everything");
}

impl Dossier {
    /// The honest bundle of all of it.
    pub fn evidence(&self) -> Evidence {
        self.evidence_of(&Wanted::default(), &LeftOut::default())
    }

    /// The bundle of what is wanted, without what is left out.
    pub fn evidence_of(&self, wanted: &Wanted, left_out: &LeftOut) -> Evidence {
        let mut files = BTreeMap::new();
        let hour = |place: usize| self.world.clicks[place].hour;
        let (first, last) = self.places(&wanted.asked);
        let last = last - left_out.last_clicks;
        let last_verdicts = self.world.verdicts.len() - 1 - left_out.last_verdicts;
        let is_invoice = wanted.asked == Asked::Invoice;
        let issued = if is_invoice { self.issued.as_slice() } else { &[] };
        let contents = Contents {
            format: FORMAT.to_owned(),
            subject: self.subject(&wanted.asked, wanted.campaigns.as_deref()),
            clicks: Hours { from: hour(first), to_inclusive: hour(last) },
            verdicts: Some(Hours { from: hour(first), to_inclusive: hour(last_verdicts) }),
            issued: issued.iter().map(|issued| issued.hour).collect(),
            personal: wanted.case.clone().map(|case| Personal { case }),
            files: Vec::new(),
        };
        let mut put = |name: String, bytes: Vec<u8>| drop(files.insert(name, bytes));
        for place in first..=last {
            put(names::manifest("clicks", hour(place)), self.world.clicks[place].manifest.clone());
        }
        for verdicts in &self.world.verdicts[first..=last_verdicts] {
            put(names::manifest("verdicts", verdicts.hour), verdicts.manifest.clone());
        }
        let targets = self.rows(wanted, last, left_out, &mut put);
        self.verdicts(first..last_verdicts + 1, &targets, left_out, &mut put);
        self.derivation(&targets, wanted, &mut put);
        if is_invoice {
            self.documents(&mut put);
        }
        if !issued.is_empty() {
            self.issues(&mut put);
        }
        self.log(left_out, &mut put);
        Evidence { contents, files }
    }

    /// Documents, their bases, and that the log went on from where they stand.
    fn documents(&self, put: &mut impl FnMut(String, Vec<u8>)) {
        for issued in &self.issued {
            put(names::manifest("invoices", issued.hour), issued.manifest.clone());
        }
        for (index, document) in self.documents.iter().enumerate() {
            put(if index == 0 { names::INVOICE.to_owned() } else { names::note(index) }, document.clone());
        }
        for basis in &self.bases {
            put(names::basis(&Hash::of(&basis.text)), basis.text.clone());
        }
        let size = self.entries.len() as u64;
        let leaves: Vec<Hash> = self.entries.iter().map(Entry::leaf).collect();
        for then in self.stands_on.iter().filter(|then| **then != size) {
            let path = consistency::path(*then, size).expect("the log only grew");
            let node =
                |subtree: Subtree| tree::root::<Hash>((subtree.start..subtree.end).map(|leaf| leaves[at(leaf)])).0;
            put(names::consistency(*then), path.into_iter().flat_map(node).collect());
        }
    }

    /// The advertiser's runs of an hour, with the line that proves them. Of a single event they are not said.
    fn runs(&self, wanted: &Wanted, hour: &ClickHour, lines: &mut Vec<u8>) -> Vec<Range<u64>> {
        if let Asked::Event(position) = wanted.asked {
            let leaf = hour.parts.iter().flatten().position(|event| event.position == position);
            let leaf = leaf.expect("it is an event of the hour") as u64;
            return std::iter::once(leaf..leaf + 1).collect();
        }
        let key = Key::new(&hour.hour.to_string(), &self.advertiser);
        let (presence, absence) = match hour.advertisers.prover().prove(&key) {
            Proof::Present(presence) => (Some(presence), None),
            Proof::Absent(absence) => (None, Some(absence)),
        };
        let runs = presence.as_ref().map(|presence| presence.runs.clone()).unwrap_or_default();
        lines.extend(canonical::write(&Line { hour: hour.hour, presence, absence }));
        runs.iter().filter_map(|run| run.range()).collect()
    }

    /// Rows of hours up to `last`, and their proofs; the positions of the rows, ascending.
    fn rows(
        &self,
        wanted: &Wanted,
        last: usize,
        left_out: &LeftOut,
        put: &mut impl FnMut(String, Vec<u8>),
    ) -> Vec<i64> {
        let (mut rows, mut people) = (table(&ROWS), table(&PEOPLE));
        let (mut proofs, mut of_people, mut lines, mut targets) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let places = self.with_rows(&wanted.asked).into_iter().filter(|place| *place <= last);
        for (place, hour) in places.map(|place| (place, &self.world.clicks[place])) {
            let runs = self.runs(wanted, hour, &mut lines);
            if runs.is_empty() {
                continue;
            }
            let events: Vec<_> = hour.parts.iter().flatten().collect();
            let asked = |leaf: u64| {
                let campaigns = wanted.campaigns.as_ref();
                campaigns.is_none_or(|campaigns| campaigns.contains(&events[at(leaf)].campaign))
            };
            let mut shown = Vec::new();
            for run in runs {
                // With campaigns, also the row before and behind each of theirs.
                let is_near = |leaf: &u64| {
                    asked(*leaf)
                        || (*leaf > run.start && asked(leaf - 1))
                        || (leaf + 1 < run.end && asked(leaf + 1))
                        || (wanted.campaigns.is_some()
                            && self.brackets(&events[at(run.start)..at(run.end)], at(leaf - run.start), wanted))
                };
                shown.extend(run.clone().filter(is_near));
            }
            shown.retain(|leaf| !left_out.rows.contains(&(place, *leaf)));
            for leaf in &shown {
                let event = events[at(*leaf)];
                add(event.values(), &mut rows);
                targets.push(event.position);
            }
            show(&hour.leaves, &ranges(shown.iter().copied()), &mut |_| Leaf::Shown, &mut proofs);
            let kept: Vec<u64> = shown.into_iter().filter(|leaf| !wanted.erased.contains(&(place, *leaf))).collect();
            for leaf in &kept {
                let event = events[at(*leaf)];
                let salt = salt_text(&hour.key.salt(event.position));
                add(event.people().into_iter().chain([Value::Text(&salt)]), &mut people);
            }
            show(&hour.people, &ranges(kept), &mut |_| Leaf::Shown, &mut of_people);
        }
        put(names::ROWS.to_owned(), rows);
        put(names::PROOF_ROWS.to_owned(), proofs);
        if !matches!(wanted.asked, Asked::Event(_)) {
            put(names::PROOF_ADVERTISERS.to_owned(), lines);
        }
        if wanted.case.is_some() {
            put(names::PEOPLE.to_owned(), people);
            put(names::PROOF_PEOPLE.to_owned(), of_people);
        }
        targets.sort_unstable();
        targets
    }

    /// Whether a row shows, with the one beside it, that a campaign has no rows between them.
    fn brackets(&self, run: &[&super::rows::Event], place: usize, wanted: &Wanted) -> bool {
        let campaigns = wanted.campaigns.iter().flatten();
        let is_between = |low: Option<&str>, high: Option<&str>, asked: &str| {
            low.is_none_or(|low| low <= asked) && high.is_none_or(|high| asked <= high)
        };
        let name = |place: Option<usize>| place.and_then(|place| run.get(place)).map(|event| event.campaign.as_str());
        let (before, own, behind) = (name(place.checked_sub(1)), name(Some(place)), name(Some(place + 1)));
        campaigns.clone().any(|asked| is_between(before, own, asked) || is_between(own, behind, asked))
    }

    fn verdicts(
        &self,
        places: Range<usize>,
        targets: &[i64],
        left_out: &LeftOut,
        put: &mut impl FnMut(String, Vec<u8>),
    ) {
        let (mut rows, mut proofs) = (table(&VERDICTS), Vec::new());
        let is_own = |target: i64| targets.binary_search(&target).is_ok();
        let between = |from: i64, to: i64| {
            let next = targets.partition_point(|target| *target < from);
            targets.get(next).is_some_and(|target| *target <= to)
        };
        for (place, hour) in places.map(|place| (place, &self.world.verdicts[place])) {
            let mut shown: Vec<u64> = Vec::new();
            let mut begin = 0;
            for part in &hour.parts {
                for (row, verdict) in part.iter().enumerate() {
                    let before = row.checked_sub(1).map_or(part[0].target, |before| part[before].target);
                    let behind = part.get(row + 1).map_or(verdict.target, |behind| behind.target);
                    if between(before, verdict.target) || between(verdict.target, behind) {
                        shown.push(begin + row as u64);
                    }
                }
                begin += part.len() as u64;
            }
            shown.retain(|leaf| !left_out.verdicts.contains(&(place, *leaf)));
            let verdicts: Vec<_> = hour.parts.iter().flatten().collect();
            let is_beside = |leaf: u64| !is_own(verdicts[at(leaf)].target) || left_out.beside.contains(&(place, leaf));
            for leaf in shown.iter().filter(|leaf| !is_beside(**leaf)) {
                add(verdicts[at(*leaf)].values(), &mut rows);
            }
            let hashes: Vec<Hash> = hour.leaves.iter().map(verdict::Leaf::hash).collect();
            let how = &mut |leaf| if is_beside(leaf) { Leaf::Beside(hour.leaves[at(leaf)]) } else { Leaf::Shown };
            show(&hashes, &ranges(shown), how, &mut proofs);
        }
        put(names::VERDICTS.to_owned(), rows);
        put(names::PROOF_VERDICTS.to_owned(), proofs);
    }

    fn derivation(&self, targets: &[i64], wanted: &Wanted, put: &mut impl FnMut(String, Vec<u8>)) {
        let mut rows = table(&DERIVATION);
        let basis = self.counted_by(&wanted.asked);
        let currency = (wanted.asked == Asked::Invoice).then_some("EUR");
        for (place, hour) in self.world.clicks.iter().enumerate() {
            let mut events: Vec<_> = hour.parts.iter().flatten().collect();
            events.sort_by_key(|event| event.position);
            events.retain(|event| targets.binary_search(&event.position).is_ok());
            for event in events {
                let derived = basis.derived(&self.world, place, event, currency, wanted.campaigns.as_deref());
                add(
                    [
                        Value::Int(event.position),
                        Value::Text(derived.counts_as),
                        derived.verdict.map_or(Value::Null, Value::Int),
                        derived.line.as_deref().map_or(Value::Null, Value::Text),
                        Value::Int(derived.micros),
                    ],
                    &mut rows,
                );
            }
        }
        put(names::DERIVATION.to_owned(), rows);
    }

    fn issues(&self, put: &mut impl FnMut(String, Vec<u8>)) {
        let (mut rows, mut proofs) = (table(&ISSUED), Vec::new());
        for hour in &self.issued {
            let own = hour.rows.iter().enumerate().filter(|(_, (_, is_own))| *is_own);
            let shown: Vec<u64> = own
                .map(|(row, (issue, _))| {
                    add(issue.values(), &mut rows);
                    row as u64
                })
                .collect();
            let leaves: Vec<Hash> = hour.rows.iter().map(|(issue, _)| issue_leaf(issue)).collect();
            show(&leaves, &ranges(shown), &mut |_| Leaf::Shown, &mut proofs);
        }
        put(names::ISSUED.to_owned(), rows);
        put(names::PROOF_ISSUED.to_owned(), proofs);
    }

    fn log(&self, left_out: &LeftOut, put: &mut impl FnMut(String, Vec<u8>)) {
        put(names::CHECKPOINT.to_owned(), self.signed(&self.checkpoint()));
        let entries: String = self.entries[left_out.entries..].iter().map(Entry::to_string).collect();
        put(names::ENTRIES.to_owned(), entries.into_bytes());
    }
}
