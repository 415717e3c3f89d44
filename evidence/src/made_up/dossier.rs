//! A made-up dispute: a world, an invoice with its notes, the log of logs around them, and the bundle that proves it.

use super::{
    ledger::{self, Basis, Biller, Facts, Knows},
    random::Random,
    rows::advertiser,
    world::{self, Plan, World},
};
use crate::{
    bundle::{
        columns,
        time::{Hour, Instant},
    },
    hash::Hash,
    note::{Kind, Note, SigningKey},
    row::{self, Value},
    sealed::{File, Tree, Trees},
    tlog::{Checkpoint, Entry},
    tree,
};

/// The name of every made-up log.
pub const ORIGIN: &str = "clicktrail.example/made-up";
/// The name of its witness.
pub const WITNESS: &str = "witness.example/made-up";

/// A row of the log of issued documents.
#[derive(Debug, Clone)]
pub struct Issue {
    position: i64,
    document: String,
    series: String,
    number: i64,
    kind: String,
    period: (Instant, Instant),
    total: String,
    basis: String,
}

impl Issue {
    /// In the order of `issued.csv`.
    pub fn values(&self) -> [Value<'_>; 21] {
        [
            Value::Int(self.position),
            Value::Int(1),
            Value::Text(&self.document),
            Value::Text(&self.series),
            Value::Int(self.number),
            Value::Text(&self.kind),
            Value::Text("advertiser-0"),
            Value::Text("EUR"),
            Value::Text("2026-03"),
            Value::Text("UTC"),
            Value::Int(self.period.0.0),
            Value::Int(self.period.1.0),
            Value::Text("2026-04-01"),
            Value::Int(2),
            Value::Decimal(&self.total),
            Value::Int(2),
            if self.kind == "invoice" { Value::Null } else { Value::Text("INV") },
            if self.kind == "invoice" { Value::Null } else { Value::Int(1) },
            Value::Text(&self.basis),
            Value::Text("[]"),
            Value::Text("somebody"),
        ]
    }
}

/// An hour of issued documents.
#[derive(Debug)]
pub struct IssuedHour {
    /// Which hour.
    pub hour: Hour,
    /// Its rows, and whether they are of our documents.
    pub rows: Vec<(Issue, bool)>,
    /// The bytes of its manifest.
    pub manifest: Vec<u8>,
}

/// An invoice, its notes, and where they were logged.
#[derive(Debug)]
pub struct Dossier {
    /// Clicks and verdicts.
    pub world: World,
    /// Whose they are.
    pub advertiser: String,
    /// The bases of the documents, in their order.
    pub bases: Vec<Basis>,
    /// The documents.
    pub documents: Vec<Vec<u8>>,
    /// Where they were logged.
    pub issued: Vec<IssuedHour>,
    /// The entries of the log of logs.
    pub entries: Vec<Entry>,
    /// Sizes of earlier heads on which documents stand.
    pub stands_on: Vec<u64>,
    /// What it all follows from.
    pub seed: u64,
    /// What signs the head.
    pub key: SigningKey,
    /// What cosigns it.
    pub witness: SigningKey,
}

impl Dossier {
    /// The dossier of a plan; `biller` writes its documents.
    pub fn new(plan: &Plan, biller: &dyn Biller) -> Self {
        Self::in_world(World::new(plan), biller)
    }

    /// A dossier about this log.
    pub fn in_world(world: World, biller: &dyn Biller) -> Self {
        let Plan { seed, hours, .. } = world.plan;
        let mut random = Random::new(seed ^ 0xd055_1e12);
        let advertiser = advertiser(0);
        let last_place = hours - 3;
        let terms = ledger::terms(&mut random, &advertiser);
        // Whole minutes, as periods have.
        let minute = |random: &mut Random, place: usize| {
            Instant(world.clicks[place].hour.start().0 + 60_000_000 * random.within(0..60))
        };
        let period = (minute(&mut random, 3), minute(&mut random, last_place - 3));
        let mut dossier = Self {
            advertiser,
            bases: Vec::new(),
            documents: Vec::new(),
            issued: Vec::new(),
            entries: Vec::new(),
            stands_on: Vec::new(),
            seed,
            key: key(ORIGIN, seed, Kind::Ed25519),
            witness: key(WITNESS, !seed, Kind::Cosignature),
            world,
        };
        let documents = 1 + random.below(3);
        let mut place = last_place - 2;
        let mut logged = 0;
        for number in 1..=documents {
            dossier.log_hours(&mut logged, place);
            dossier.issue(&mut random, biller, u32::try_from(number).expect("few"), place, period, &terms);
            place = (place + random.place(2)).min(last_place);
        }
        dossier.log_hours(&mut logged, hours - 1);
        dossier.log_issued(&mut random);
        dossier
    }

    /// Logs hours up to a place.
    fn log_hours(&mut self, logged: &mut usize, last: usize) {
        for place in *logged..=last {
            let (clicks, verdicts) = (&self.world.clicks[place], &self.world.verdicts[place]);
            self.entries.push(World::entry("clicks", clicks.hour, &clicks.manifest));
            self.entries.push(World::entry("verdicts", verdicts.hour, &verdicts.manifest));
            *logged = place + 1;
        }
    }

    fn issue(
        &mut self,
        random: &mut Random,
        biller: &dyn Biller,
        number: u32,
        place: usize,
        period: (Instant, Instant),
        terms: &str,
    ) {
        let is_cancellation = number > 1 && random.has(200);
        let stands_on = random.has(600).then(|| self.checkpoint());
        let basis = match self.bases.last() {
            Some(last) if is_cancellation => last.clone(),
            before => Basis::random(random, &self.world, biller, period, place, before, stands_on.as_ref()),
        };
        if basis.text.windows(12).any(|bytes| bytes == b"\"checkpoint\"") && !is_cancellation {
            self.stands_on.extend(stands_on.map(|head| head.size));
        }
        let usage = basis.tally(&self.world, &self.advertiser).0;
        let moved = match self.bases.last() {
            Some(before) if !is_cancellation => ledger::moved(&self.world, &self.advertiser, before, &basis),
            _ => Vec::new(),
        };
        let facts = Facts {
            number,
            is_cancellation,
            usage,
            moved,
            basis: Hash::of(&basis.text),
            period,
            terms: terms.to_owned(),
            issued: self.documents.clone(),
        };
        self.documents.push(biller.document(&facts));
        self.bases.push(basis);
    }

    /// Logs the documents, among those of others.
    fn log_issued(&mut self, random: &mut Random) {
        let hour = Hour(self.world.clicks.last().expect("there are hours").hour.0 + 1);
        let mut rows: Vec<(Issue, bool)> = Vec::new();
        for (index, (document, basis)) in self.documents.iter().zip(&self.bases).enumerate() {
            for _ in 0..random.below(3) {
                let other = Issue {
                    position: world::position(1, rows.len()),
                    document: Hash::of(&random.next().to_le_bytes()).to_string(),
                    series: "INV".to_owned(),
                    number: 77,
                    kind: "invoice".to_owned(),
                    period: basis.period,
                    total: "-12345678901234567890".to_owned(),
                    basis: String::new(),
                };
                rows.push((other, false));
            }
            let fields: serde_json::Value = serde_json::from_slice(document).expect("documents are JSON");
            let text = |value: &serde_json::Value| value.as_str().expect("it is a text").to_owned();
            let total: i128 = text(&fields["content"]["bill"]["total"]).replace('.', "").parse().expect("an amount");
            let own = Issue {
                position: world::position(1, rows.len()),
                document: Hash::of(document).to_string(),
                series: if index == 0 { "INV" } else { "CN" }.to_owned(),
                number: i64::try_from(index).expect("few") + 1,
                kind: text(&fields["kind"]),
                period: basis.period,
                total: total.to_string(),
                basis: Hash::of(&basis.text).to_string(),
            };
            rows.push((own, true));
        }
        let manifest = issued_manifest(hour, &rows);
        self.entries.push(World::entry("invoices", hour, &manifest));
        self.issued.push(IssuedHour { hour, rows, manifest });
    }

    /// Logs another total for the invoice than it has.
    pub fn issue_otherwise(&mut self) {
        let Some((own, _)) = self.issued[0].rows.iter_mut().find(|(_, is_own)| *is_own) else { return };
        own.total.push('0');
        let IssuedHour { hour, rows, .. } = &self.issued[0];
        let manifest = issued_manifest(*hour, rows);
        let entry = self.entries.last_mut().expect("documents are logged last");
        *entry = World::entry("invoices", *hour, &manifest);
        self.issued[0].manifest = manifest;
    }

    /// The same when nothing was signed since the last document was made, if that stands on the head of then and knows
    /// nothing of later verdicts.
    pub fn as_issued(mut self) -> Option<Self> {
        let last = self.bases.last()?.hours.1;
        let size = *self.stands_on.last()?;
        let stands = usize::try_from(size).is_ok_and(|size| size == 2 * (last + 1));
        let knows = self.bases.iter().flat_map(|basis| basis.known.values());
        if !stands || knows.into_iter().any(|knows| *knows == Knows::Live) {
            return None;
        }
        self.entries.truncate(2 * (last + 1));
        self.world.clicks.truncate(last + 1);
        self.world.verdicts.truncate(last + 1);
        self.issued.clear();
        Some(self)
    }

    /// The head of the log as it is now.
    pub fn checkpoint(&self) -> Checkpoint {
        let root = tree::root(self.entries.iter().map(Entry::leaf));
        Checkpoint { origin: ORIGIN.to_owned(), size: self.entries.len() as u64, root }
    }

    /// A head with its signatures.
    pub fn signed(&self, head: &Checkpoint) -> Vec<u8> {
        let note = Note::sign(&head.to_string(), &[&self.key, &self.witness], 1_772_000_000);
        note.expect("a checkpoint is a text").to_string().into_bytes()
    }
}

fn issued_manifest(hour: Hour, rows: &[(Issue, bool)]) -> Vec<u8> {
    let leaves = rows.iter().map(|(issue, _)| issue_leaf(issue));
    let trees = Trees {
        rows: Tree { leaves: rows.len() as u64, root: tree::root(leaves) },
        people: None,
        advertisers: None,
        nodes: Some(File { key: "nodes".to_owned(), bytes: 1, sha256: Hash::of(b"nodes").to_string() }),
    };
    let part = serde_json::json!({"rows": rows.len()});
    world::manifest(("invoices", columns::ISSUED_SCHEMA), hour, (1, 1), None, &[part], &trees)
}

/// The leaf of an issued document.
pub fn issue_leaf(issue: &Issue) -> Hash {
    Hash::leaf(&row::encode(row::Kind::Invoices, issue.values()))
}

/// A key that everybody can guess.
pub fn key(name: &str, seed: u64, kind: Kind) -> SigningKey {
    SigningKey::of_seed(name, kind, Hash::of(&seed.to_le_bytes()).0).expect("the name is one")
}
