//! Frauds that somebody may try with a bundle, each by name and with the exit code that it must end with.

use super::{
    asked::Asked,
    dossier::{self, Dossier, ORIGIN},
    evidence::{Evidence, LeftOut, Wanted},
    ledger::{Biller, Facts, Knows},
    mutation::files_of,
    own_biller::OwnBiller,
    world::{Plan, World, position},
};
use crate::{
    bundle::{names, zip::Crc},
    hash::Hash,
    note::{Kind, Note, VerifierKey},
    tlog::Entry,
};

/// A bundle that somebody changed, and what must come of it.
#[derive(Debug)]
pub struct Attack {
    /// What was done.
    pub name: &'static str,
    /// The bundle.
    pub bytes: Vec<u8>,
    /// Keys that the auditor trusts.
    pub keys: Vec<VerifierKey>,
    /// Witnesses that she requires.
    pub witnesses: Vec<VerifierKey>,
    /// How it must end.
    pub exit_code: u8,
}

/// A biller that bills a click more than there is, and is right in everything else.
#[derive(Debug)]
struct Overcharging;

impl Biller for Overcharging {
    fn document(&self, facts: &Facts) -> Vec<u8> {
        let Facts { number, is_cancellation, usage, moved, basis, period, terms, issued } = facts;
        let mut usage = usage.clone();
        let campaign = usage.entry("campaign-0".to_owned()).or_default();
        (campaign.gross, campaign.billable) = (campaign.gross + 1, campaign.billable + 1);
        campaign.spend_micros += 1_000_000;
        OwnBiller.document(&Facts {
            number: *number,
            is_cancellation: *is_cancellation,
            usage,
            moved: moved.clone(),
            basis: *basis,
            period: *period,
            terms: terms.clone(),
            issued: issued.clone(),
        })
    }
}

/// A biller that issues a note about itself where an invoice should be.
#[derive(Debug)]
struct NotingItself(&'static str);

impl Biller for NotingItself {
    fn document(&self, facts: &Facts) -> Vec<u8> {
        let document = String::from_utf8(OwnBiller.document(facts)).expect("documents are text");
        let original = format!(
            "\"original\":{{\"series\":\"INV\",\"number\":1,\"period\":\"2026-03\",\"issued_on\":\"2026-04-01\",\
             \"reason\":\"{}\"}}",
            self.0
        );
        let note = document.replacen("\"kind\":\"invoice\"", "\"kind\":\"debit_note\"", 1);
        note.replacen("\"original\":null", &original, 1).into_bytes()
    }
}

/// A biller whose lines show another price than their clicks have.
#[derive(Debug)]
struct Mispricing;

impl Biller for Mispricing {
    fn document(&self, facts: &Facts) -> Vec<u8> {
        let document = String::from_utf8(OwnBiller.document(facts)).expect("documents are text");
        let line = document.find("\"campaign_id\":\"campaign-0\",\"kind\":\"clicks\"");
        let price = line.and_then(|line| Some(line + document[line..].find("\"price\":\"")? + 9));
        match price {
            Some(price) => format!("{}9{}", &document[..price], &document[price..]).into_bytes(),
            None => document.into_bytes(),
        }
    }
}

fn is_mispriced(document: &[u8]) -> bool {
    String::from_utf8_lossy(document).contains("\"price\":\"9")
}

/// A biller whose bases know no verdict at all, and say of no hour that they miss some.
#[derive(Debug)]
pub struct Unknowing;

impl Biller for Unknowing {
    fn document(&self, facts: &Facts) -> Vec<u8> {
        OwnBiller.document(facts)
    }

    fn knows(&self, _: Knows) -> Knows {
        Knows::Before(position(1, 0))
    }

    fn stale(&self, _: Vec<usize>) -> Vec<usize> {
        Vec::new()
    }
}

/// One that knows what the live judge ruled, and nothing that a person said.
#[derive(Debug)]
struct Unheeding;

impl Biller for Unheeding {
    fn document(&self, facts: &Facts) -> Vec<u8> {
        OwnBiller.document(facts)
    }

    fn knows(&self, _: Knows) -> Knows {
        Knows::Live
    }

    fn stale(&self, _: Vec<usize>) -> Vec<usize> {
        Vec::new()
    }
}

/// A dossier that has what attacks need: a verdict that another overruled, rows, and a head on which a document stands.
fn suitable(seed: u64) -> Dossier {
    let seeds = (0..200).map(|further| seed.wrapping_add(further));
    let mut dossiers = seeds.map(|seed| Dossier::new(&Plan::small(seed), &OwnBiller));
    let suits = |dossier: &Dossier| {
        let files = dossier.evidence().files;
        let has_overruled = overruled(&files).is_some();
        let stands = dossier.stands_on.iter().any(|size| *size < dossier.entries.len() as u64);
        let is_ruled = dossier.ruled_event().is_some();
        has_overruled && stands && is_ruled && hidden_verdict(dossier).is_some() && hidden_row(dossier).is_some()
    };
    dossiers.find(suits).expect("some of two hundred made-up dossiers have a bit of everything")
}

fn text(files: &std::collections::BTreeMap<String, Vec<u8>>, name: &str) -> String {
    String::from_utf8(files[name].clone()).expect("tables are text")
}

/// A row of the derivation that counts by a verdict, as if nothing stood: what it says, and what it would say.
fn overruled(files: &std::collections::BTreeMap<String, Vec<u8>>) -> Option<(String, String)> {
    let derivation = text(files, names::DERIVATION);
    let found = derivation.lines().find(|line| line.contains(",\"sivt\",") || line.contains(",\"givt\","))?;
    Some((found.to_owned(), found.replace("\"sivt\"", "\"policy\"").replace("\"givt\"", "\"policy\"")))
}

/// A leaf of a verdict about a row that is there.
fn hidden_verdict(dossier: &Dossier) -> Option<(usize, u64)> {
    let verdicts = text(&dossier.evidence().files, names::VERDICTS);
    let first = dossier.bases[0].hours.0;
    let places = dossier.world.verdicts.iter().enumerate().skip(first);
    let mut leaves =
        places.flat_map(|(place, hour)| (0..).zip(hour.parts.iter().flatten()).map(move |leaf| (place, leaf)));
    let is_shown = |position: i64| verdicts.lines().any(|line| line.starts_with(&format!("{position},")));
    leaves.find(|(_, (_, verdict))| is_shown(verdict.position)).map(|(place, (leaf, _))| (place, leaf))
}

/// A leaf of a row that is there.
fn hidden_row(dossier: &Dossier) -> Option<(usize, u64)> {
    let counted = dossier.bases[0].known.keys();
    counted.copied().find_map(|place| {
        let hour = &dossier.world.clicks[place];
        let events = (0..).zip(hour.parts.iter().flatten());
        events.filter(|(_, event)| event.advertiser == dossier.advertiser).map(|(leaf, _)| (place, leaf)).next()
    })
}

/// Frauds on the evidence of one dossier.
struct Gallery {
    dossier: Dossier,
    honest: Evidence,
    attacks: Vec<Attack>,
}

/// All named frauds, on the evidence of a seed.
pub fn attacks(seed: u64) -> Vec<Attack> {
    let dossier = suitable(seed);
    let mut gallery = Gallery { honest: dossier.evidence(), dossier, attacks: Vec::new() };
    gallery.on_bytes();
    gallery.on_rows();
    gallery.on_verdicts();
    gallery.on_documents();
    gallery.on_the_log(seed);
    gallery.on_events();
    gallery.attacks
}

impl Gallery {
    fn add(&mut self, name: &'static str, exit_code: u8, bytes: Vec<u8>) {
        let (key, witness) = (self.dossier.key.verifier().clone(), self.dossier.witness.verifier().clone());
        self.attacks.push(Attack { name, bytes, keys: vec![key], witnesses: vec![witness], exit_code });
    }

    /// The bundle with a file that was edited, its digests repaired.
    fn edited(&self, name: &str, edit: impl Fn(String) -> String) -> Vec<u8> {
        with(&self.honest, name, edit(text(&self.honest.files, name)).into_bytes())
    }

    /// The evidence without some files.
    fn without(&self, gone: &[String]) -> Evidence {
        let mut evidence = self.honest.clone();
        gone.iter().for_each(|name| drop(evidence.files.remove(name)));
        evidence
    }

    /// The bundle that somebody made without something, with proofs that are right but for that.
    fn left_out(&self, left_out: &LeftOut) -> Vec<u8> {
        self.dossier.evidence_of(&Wanted::default(), left_out).zip()
    }

    fn on_bytes(&mut self) {
        let archive = self.honest.zip();
        let mut flipped = archive.clone();
        let at = flipped.windows(9).position(|bytes| bytes == b"position,").unwrap_or_default();
        flipped[at + 400] ^= 1;
        self.add("one bit", 2, flipped);
        self.add("bytes appended", 2, [archive.as_slice(), b"more"].concat());
        self.add("the file cut", 2, archive[..archive.len() - 100].to_vec());
        self.add("a name that is there twice", 2, with_duplicate(&archive));
        self.add("other words in the README's place", 2, with(&self.honest, names::README, b"trust us\n".to_vec()));
        self.add("a file that nothing proves", 2, with(&self.honest, "extra.txt", b"x".to_vec()));
        self.add("an empty file", 6, Vec::new());
        self.add("a text", 6, b"no bundle at all\n".to_vec());
        let mut later = self.honest.clone();
        "clicktrail evidence 2".clone_into(&mut later.contents.format);
        self.add("a later format", 6, later.zip());
    }

    fn on_rows(&mut self) {
        let bit = self.edited(names::ROWS, |rows| rows.replacen("\"mobile\"", "\"mobilf\"", 1));
        self.add("one bit of a row, digests repaired", 2, bit);
        let moved = self.edited(names::ROWS, |rows| rows.replace("\"advertiser-0\"", "\"advertiser-1\""));
        self.add("rows moved to another advertiser", 2, moved);
        let row = hidden_row(&self.dossier).expect("it is suitable");
        let dropped = self.left_out(&LeftOut { rows: vec![row], ..LeftOut::default() });
        self.add("a row dropped, proofs made without it", 3, dropped);
        let mut others = self.honest.clone();
        "advertiser-1".clone_into(&mut others.contents.subject.advertiser_id);
        self.add("the bundle said to be another advertiser's", 2, others.zip());
    }

    fn on_verdicts(&mut self) {
        let stage = self.edited(names::VERDICTS, |table| table.replacen("\"live\"", "\"query\"", 1));
        self.add("a verdict of another stage", 2, stage);
        let leaf = hidden_verdict(&self.dossier).expect("it is suitable");
        let removed = self.left_out(&LeftOut { verdicts: vec![leaf], ..LeftOut::default() });
        self.add("a verdict removed, proofs made without it", 3, removed);
        let passed_off = self.left_out(&LeftOut { beside: vec![leaf], ..LeftOut::default() });
        self.add("a verdict passed off as another's", 3, passed_off);
        let (says, would_say) = overruled(&self.honest.files).expect("it is suitable");
        let shown = self.edited(names::DERIVATION, |table| table.replacen(&says, &would_say, 1));
        self.add("another ruling shown as standing", 4, shown);
        let dropped = self.edited(names::DERIVATION, |table| {
            let mut lines: Vec<&str> = table.split_inclusive('\n').collect();
            lines.remove(1);
            lines.concat()
        });
        self.add("a row dropped from the derivation", 4, dropped);
    }

    /// The last hours cut out, where rows came late and verdicts later, and everything else as it must be.
    fn on_events(&mut self) {
        let (events, event) = (self.dossier.events(), self.dossier.ruled_event().expect("it is suitable"));
        let mut cut = |name, asked: Asked, left_out: LeftOut| {
            let wanted = Wanted { asked, ..Wanted::default() };
            let bytes = self.dossier.evidence_of(&wanted, &left_out).zip();
            self.add(name, 3, bytes);
        };
        let nothing = LeftOut::default;
        cut("late clicks cut out of a range of time", events, LeftOut { last_clicks: 1, ..nothing() });
        cut("later verdicts cut out of a range of time", events, LeftOut { last_verdicts: 1, ..nothing() });
        cut("later verdicts cut out of what is said of one event", event, LeftOut { last_verdicts: 1, ..nothing() });
        cut("later verdicts cut out of an invoice", Asked::Invoice, LeftOut { last_verdicts: 1, ..nothing() });
    }

    fn on_documents(&mut self) {
        let total = self.edited(names::INVOICE, |json| json.replacen("\"total\":\"", "\"total\":\"9", 1));
        self.add("an edited total", 4, total);
        let date = self.edited(names::INVOICE, |json| json.replacen("2026-05-01", "2036-05-01", 1));
        self.add("an edited date of the invoice", 2, date);
        let noting = NotingItself("sivt");
        self.billed_by("a note that is its own original", 2, &noting);
        let noting = NotingItself("cancelled");
        self.billed_by("a cancellation of itself", 2, &noting);
        self.billed_by("a click more billed than there is", 4, &Overcharging);
        let mut other = suitable(self.dossier.seed);
        other.issue_otherwise();
        self.add("a document that the log has with another total", 2, other.evidence().zip());
        let lines = Wanted { campaigns: Some(vec!["campaign-0".to_owned()]), ..Wanted::default() };
        let priced = (1..100).map(|seed| Dossier::new(&Plan::small(seed), &Mispricing));
        let bills = |dossier: &Dossier| dossier.documents.iter().any(|document| is_mispriced(document));
        let dossier = priced.into_iter().find(bills).expect("some of a hundred has such a line");
        let bytes = dossier.evidence_of(&lines, &LeftOut::default()).zip();
        self.of_others("a line that shows another price, alone", 4, &dossier, bytes);
        self.billed_by("invalid clicks billed by a basis that knows no verdict", 4, &Unknowing);
        self.billed_by("clicks billed that a person ruled invalid before", 4, &Unheeding);
    }

    /// What another biller made of another dossier.
    fn billed_by(&mut self, name: &'static str, exit_code: u8, biller: &dyn Biller) {
        let dossiers = (1..100).map(|seed| Dossier::new(&Plan::small(seed), biller));
        let dossier = dossiers.into_iter().find(Dossier::is_overruled).expect("some of a hundred has");
        let bytes = dossier.evidence().zip();
        self.of_others(name, exit_code, &dossier, bytes);
    }

    fn of_others(&mut self, name: &'static str, exit_code: u8, dossier: &Dossier, bytes: Vec<u8>) {
        let (key, witness) = (dossier.key.verifier().clone(), dossier.witness.verifier().clone());
        self.attacks.push(Attack { name, bytes, keys: vec![key], witnesses: vec![witness], exit_code });
    }

    fn on_the_log(&mut self, seed: u64) {
        let is_of_clicks = |name: &&String| name.starts_with("manifests/clicks/");
        let manifests: Vec<String> = self.honest.files.keys().filter(is_of_clicks).cloned().collect();
        self.add("two consecutive manifests deleted", 3, self.without(&manifests[3..5]).zip());
        let mut truncated = self.without(&manifests[manifests.len() - 1..]);
        truncated.contents.clicks.to_inclusive.0 -= 1;
        self.add("the tail of the log cut off", 3, truncated.zip());
        let head = self.dossier.checkpoint();
        let hidden = self.left_out(&LeftOut { entries: 2, ..LeftOut::default() });
        self.add("entries at the beginning of the log hidden", 3, hidden);
        // One log, one head, and an hour with two versions in it: whoever is shown the later one alone takes it.
        let mut twice = suitable(seed);
        let again = Entry { manifest: Hash::of(b"other rows"), ..twice.entries[6].clone() };
        twice.entries.push(again);
        self.add("an hour logged a second time", 2, twice.evidence().zip());
        let place = self.dossier.bases[0].hours.0;
        let anew = Dossier::in_world(World::begun_anew(&Plan::small(self.dossier.seed), place), &OwnBiller);
        self.add("an hour that says that it is the first, and is not", 2, anew.evidence().zip());
        let forger = dossier::key(ORIGIN, seed ^ 0xbad, Kind::Ed25519);
        let resigned = Note::sign(&head.to_string(), &[&forger, &self.dossier.witness], 1).expect("it is a text");
        let resigned = with(&self.honest, names::CHECKPOINT, resigned.to_string().into_bytes());
        self.add("the head signed with another key", 5, resigned);
        let alone = Note::sign(&head.to_string(), &[&self.dossier.key], 1).expect("it is a text");
        let alone = with(&self.honest, names::CHECKPOINT, alone.to_string().into_bytes());
        self.add("the witness's signature missing", 3, alone);
        let (size, larger) = (head.size.to_string(), (head.size + 1).to_string());
        let edited = self.edited(names::CHECKPOINT, |note| note.replacen(&size, &larger, 1));
        self.add("an edited head", 2, edited);
        // The log was begun anew behind a document's back: with another first hour, or with an entry in front of it.
        let mut forked = suitable(seed);
        forked.entries[0].manifest = Hash::of(b"another first hour");
        self.add("a log with another first hour", 2, forked.evidence().zip());
        let mut forked = suitable(seed);
        let other = Entry { stream: "others".to_owned(), ..forked.entries[0].clone() };
        forked.entries.insert(0, other);
        self.add("a forked log", 2, forked.evidence().zip());
    }
}

fn with(honest: &Evidence, name: &str, bytes: Vec<u8>) -> Vec<u8> {
    let mut evidence = honest.clone();
    if name != names::README {
        evidence.files.insert(name.to_owned(), bytes);
        return evidence.zip();
    }
    // The writer puts the README in itself: it is packed by hand.
    let mut files = files_of(&evidence.zip()).expect("it was just written");
    let size = bytes.len() as u64;
    let digest = Hash::of(&bytes);
    for (file, content) in &mut files {
        if file == names::README {
            content.clone_from(&bytes);
        } else if file == names::BUNDLE {
            let mut contents = crate::bundle::Contents::from_bytes(content).expect("it was just written");
            for listed in contents.files.iter_mut().filter(|listed| listed.name == name) {
                (listed.bytes, listed.sha256) = (size, digest);
            }
            *content = contents.to_bytes();
        }
    }
    let files = files.iter().map(|(name, content)| (name.as_str(), content.as_slice()));
    crate::bundle::zip::write(files).expect("memory takes everything")
}

/// The archive with its first file there a second time, in front of its directory.
fn with_duplicate(archive: &[u8]) -> Vec<u8> {
    let end = archive.len() - 22;
    let number = |at: usize| u32::from_le_bytes([archive[at], archive[at + 1], archive[at + 2], archive[at + 3]]);
    let directory = usize::try_from(number(end + 16)).expect("an offset");
    let name = b"README.txt";
    let content = b"other words\n";
    let size = u32::try_from(content.len()).expect("short");
    let mut local = b"PK\x03\x04\x0a\0\0\0\0\0\0\0\x21\0".to_vec();
    local.extend(Crc::of(content).to_le_bytes());
    local.extend(size.to_le_bytes());
    local.extend(size.to_le_bytes());
    local.extend([10, 0, 0, 0]);
    local.extend(name);
    let mut entry = b"PK\x01\x02\x0a\0".to_vec();
    entry.extend(&local[4..30]);
    entry.extend([0; 10]);
    entry.extend(number(end + 16).to_le_bytes());
    entry.extend(name);
    local.extend(content);
    let mut bytes = archive[..directory].to_vec();
    bytes.extend(&local);
    let begin = u32::try_from(bytes.len()).expect("small");
    bytes.extend(&archive[directory..end]);
    bytes.extend(&entry);
    let mut last = archive[end..].to_vec();
    let files = u16::from_le_bytes([last[8], last[9]]) + 1;
    last[8..10].copy_from_slice(&files.to_le_bytes());
    last[10..12].copy_from_slice(&files.to_le_bytes());
    let size = number(end + 12) + u32::try_from(entry.len()).expect("small");
    last[12..16].copy_from_slice(&size.to_le_bytes());
    last[16..20].copy_from_slice(&begin.to_le_bytes());
    bytes.extend(last);
    bytes
}
