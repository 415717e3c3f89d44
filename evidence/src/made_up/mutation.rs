//! Bundles that somebody changed: bytes of the archive, and contents of files with all digests repaired, so that
//! nothing but the proofs can tell.

use super::{
    dossier::Dossier,
    evidence::{Evidence, LeftOut, Wanted},
    random::Random,
};
use crate::bundle::zip;

/// How a signature of a note begins.
const SIGNATURE: &[u8] = "— ".as_bytes();

/// What was done to a bundle, in words.
#[derive(Debug, Clone)]
pub struct Mutated {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// What was done.
    pub what: String,
}

/// A bundle that is not the honest one, by one random change.
pub fn mutate(random: &mut Random, honest: &Evidence, archive: &[u8]) -> Mutated {
    loop {
        let mutated = match random.below(10) {
            0..=2 => of_bytes(random, archive),
            3 => of_archive(random, archive),
            _ => of_files(random, honest),
        };
        if mutated.bytes != archive {
            return mutated;
        }
    }
}

/// A bundle that lacks something, with proofs that are right but for that; `None` if what was drawn is in no bundle.
pub fn forge(random: &mut Random, dossier: &Dossier, wanted: &Wanted, archive: &[u8]) -> Option<Mutated> {
    let leaf = |random: &mut Random, leaves: &[usize]| {
        let place = random.place(leaves.len());
        (place, random.below(leaves.get(place).copied().unwrap_or_default() as u64))
    };
    let clicks: Vec<usize> = dossier.world.clicks.iter().map(|hour| hour.leaves.len()).collect();
    let verdicts: Vec<usize> = dossier.world.verdicts.iter().map(|hour| hour.leaves.len()).collect();
    let mut left_out = LeftOut::default();
    let what = match random.below(6) {
        0 | 1 => {
            left_out.rows = (0..1 + random.below(4)).map(|_| leaf(random, &clicks)).collect();
            format!("rows {:?} are left out", left_out.rows)
        }
        2 => {
            left_out.verdicts = (0..1 + random.below(4)).map(|_| leaf(random, &verdicts)).collect();
            format!("verdicts {:?} are left out", left_out.verdicts)
        }
        3 => {
            left_out.beside = (0..1 + random.below(4)).map(|_| leaf(random, &verdicts)).collect();
            format!("verdicts {:?} are passed off as another's", left_out.beside)
        }
        4 => {
            left_out.last_verdicts = 1 + random.place(2);
            format!("the last {} hours of verdicts are cut off", left_out.last_verdicts)
        }
        _ => {
            left_out.entries = 1 + random.place(dossier.entries.len() - 1);
            format!("the first {} entries are hidden", left_out.entries)
        }
    };
    let bytes = dossier.evidence_of(wanted, &left_out).zip();
    (bytes != archive).then_some(Mutated { bytes, what })
}

/// Changes bytes, and repairs nothing.
fn of_bytes(random: &mut Random, archive: &[u8]) -> Mutated {
    let mut bytes = archive.to_vec();
    let at = random.place(bytes.len());
    let what = match random.below(6) {
        0 | 1 => {
            bytes[at] ^= 1 << random.below(8);
            format!("a bit of byte {at} was flipped")
        }
        2 => {
            bytes.truncate(at);
            format!("it was cut at byte {at}")
        }
        3 => {
            let added = 1 + random.below(40);
            bytes.extend((0..added).map(|_| random.next().to_le_bytes()[0]));
            format!("{added} bytes were appended")
        }
        4 => {
            bytes.splice(0..0, *b"#!/bin/sh\n");
            "bytes were put in front".to_owned()
        }
        _ => {
            let end = (at + 1 + random.place(64)).min(bytes.len());
            bytes.drain(at..end);
            format!("bytes {at}..{end} were taken out")
        }
    };
    Mutated { bytes, what }
}

/// Packs the same files otherwise: what a strict reader must not take.
fn of_archive(random: &mut Random, archive: &[u8]) -> Mutated {
    let mut bytes = archive.to_vec();
    let end = bytes.len() - 22;
    let number = |at: usize| u32::from_le_bytes([archive[at], archive[at + 1], archive[at + 2], archive[at + 3]]);
    let directory = usize::try_from(number(end + 16)).expect("an offset");
    let what = match random.below(5) {
        0 => {
            // The first entry of the directory once more: a name that is there twice.
            let name = usize::from(u16::from_le_bytes([archive[directory + 28], archive[directory + 29]]));
            let entry = archive[directory..directory + 46 + name].to_vec();
            bytes.splice(directory..directory, entry.iter().copied());
            let files = u16::from_le_bytes([archive[end + 8], archive[end + 9]]) + 1;
            let at = bytes.len() - 22;
            bytes[at + 8..at + 10].copy_from_slice(&files.to_le_bytes());
            bytes[at + 10..at + 12].copy_from_slice(&files.to_le_bytes());
            let size = number(end + 12) + u32::try_from(entry.len()).expect("small");
            bytes[at + 12..at + 16].copy_from_slice(&size.to_le_bytes());
            "a name is there twice"
        }
        1 => {
            bytes.extend_from_slice(archive);
            "another archive follows"
        }
        2 => {
            bytes[end + 20] = 3;
            bytes.extend(b"abc");
            "it has a comment"
        }
        3 => {
            bytes.splice(directory..directory, *b"hidden");
            let at = bytes.len() - 22;
            bytes[at + 16..at + 20].copy_from_slice(&(number(end + 16) + 6).to_le_bytes());
            "something is hidden before the directory"
        }
        _ => {
            let at = directory + *random.of(&[4, 5, 6, 8, 10, 12, 14, 30, 32, 34, 36, 38]);
            bytes[at] ^= 1 << random.below(8);
            "an entry of the directory has something that it must not have"
        }
    };
    Mutated { bytes, what: what.to_owned() }
}

/// Changes a file, and makes an archive of it whose list and checksums are right.
fn of_files(random: &mut Random, honest: &Evidence) -> Mutated {
    let mut evidence = honest.clone();
    let names: Vec<String> = evidence.files.keys().cloned().collect();
    // Most files are manifests: whatever counts more should be changed more often.
    let important: Vec<&String> = names.iter().filter(|name| !name.starts_with("manifests/")).collect();
    let name = if random.has(850) { (*random.of(&important)).clone() } else { random.of(&names).clone() };
    let other = random.of(&names).clone();
    let what = match random.below(10) {
        0 => {
            evidence.files.remove(&name);
            format!("{name} was taken out")
        }
        1 => {
            let bytes = evidence.files.get(&other).cloned().unwrap_or_default();
            evidence.files.insert(name.clone(), bytes);
            format!("{name} has the content of {other}")
        }
        2 => {
            let bytes = evidence.files.get(&name).cloned().unwrap_or_default();
            evidence.files.insert(format!("{name}.more"), bytes);
            format!("{name} was copied beside")
        }
        3 => contents(random, &mut evidence),
        _ => {
            let mut bytes = evidence.files.remove(&name).unwrap_or_default();
            let how = of_content(random, &mut bytes);
            evidence.files.insert(name.clone(), bytes);
            format!("{name}: {how}")
        }
    };
    Mutated { bytes: evidence.zip(), what }
}

/// Changes the list of contents.
fn contents(random: &mut Random, evidence: &mut Evidence) -> String {
    let contents = &mut evidence.contents;
    let what = match random.below(7) {
        0 => {
            contents.clicks.from.0 += 1;
            "the first hour of clicks is left out"
        }
        1 => {
            contents.clicks.to_inclusive.0 -= 1;
            "the last hour of clicks is left out"
        }
        2 => {
            if let Some(verdicts) = &mut contents.verdicts {
                verdicts.to_inclusive.0 -= 1;
            }
            "the last hour of verdicts is left out"
        }
        3 => {
            contents.verdicts = None;
            "no verdicts are claimed"
        }
        4 => {
            contents.issued.clear();
            "no hour of issued documents is claimed"
        }
        5 => {
            contents.subject.advertiser_id.push('x');
            "another advertiser is claimed"
        }
        _ => {
            contents.subject.campaigns = Some(vec!["no such campaign".to_owned()]);
            "only a campaign without rows is claimed"
        }
    };
    what.to_owned()
}

/// Changes the content of a file: a bit, a digit, a line.
fn of_content(random: &mut Random, bytes: &mut Vec<u8>) -> String {
    if bytes.is_empty() {
        bytes.push(b'0');
        return "it has a byte now".to_owned();
    }
    let at = random.place(bytes.len());
    let is_table = std::str::from_utf8(bytes).is_ok();
    let mut lines: Vec<Vec<u8>> = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let (line, beside) = (random.place(lines.len()), random.place(lines.len()));
    match random.below(8) {
        0 => {
            bytes[at] ^= 1 << random.below(8);
            format!("a bit of byte {at} was flipped")
        }
        1 | 2 if is_table => {
            let digits: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at].is_ascii_digit()).collect();
            let Some(at) = digits.get(random.place(digits.len())) else { return "nothing".to_owned() };
            bytes[*at] = b'0' + (bytes[*at] - b'0' + 1 + random.next().to_le_bytes()[0] % 9) % 10;
            format!("digit {at} is another")
        }
        3 if is_table => {
            let gone = lines.remove(line);
            *bytes = lines.concat();
            format!("line {line} of {} bytes was dropped", gone.len())
        }
        4 if is_table => {
            lines.insert(beside, lines[line].clone());
            *bytes = lines.concat();
            format!("line {line} was repeated as line {beside}")
        }
        // In which order a note is signed says nothing.
        5 if is_table && ![line, beside].iter().all(|at| lines[*at].starts_with(SIGNATURE)) => {
            lines.swap(line, beside);
            *bytes = lines.concat();
            format!("lines {line} and {beside} were swapped")
        }
        6 => {
            bytes.truncate(at);
            format!("it was cut at byte {at}")
        }
        _ => {
            let byte = random.next().to_le_bytes()[0];
            bytes.insert(at, byte);
            format!("byte {byte} was put in at {at}")
        }
    }
}

/// The files of an archive, for whoever wants to pack them otherwise.
///
/// # Errors
/// As the archive reports.
pub fn files_of(archive: &[u8]) -> Result<Vec<(String, Vec<u8>)>, zip::Error> {
    let source = archive.to_vec();
    let opened = zip::Archive::open(&source)?;
    let read = |entry: &zip::Entry| Ok((entry.name.clone(), opened.read_whole(entry, u64::MAX)?));
    opened.entries().iter().map(read).collect()
}
