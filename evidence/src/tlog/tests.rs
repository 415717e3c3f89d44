use std::collections::BTreeMap;

use super::{witness::*, *};
use crate::{
    hash::Hash,
    note::{Kind, Note, SigningKey, VerifierKey},
    tree::{self, Node as _, Subtree, consistency, inclusion},
};

fn leaf(index: u64) -> Hash {
    Hash::leaf(&index.to_be_bytes())
}

/// All tiles of a tree that grew leaf by leaf, and its roots by size.
struct Grown {
    full: BTreeMap<Tile, Vec<Hash>>,
    edges: Vec<Edge>,
}

impl Grown {
    fn new(size: u64) -> Self {
        let mut edge = Edge::default();
        let (mut full, mut edges) = (BTreeMap::new(), vec![edge.clone()]);
        for index in 0..size {
            full.extend(edge.push(leaf(index)));
            edges.push(edge.clone());
        }
        Self { full, edges }
    }

    fn tile(&self, tile: Tile, size: u64) -> Vec<Hash> {
        let partial = self.edges[usize::try_from(size).unwrap()].partial();
        let partial: BTreeMap<_, _> = partial.into_iter().collect();
        self.full.get(&tile).or_else(|| partial.get(&tile)).unwrap_or_else(|| panic!("{tile:?} of {size}")).clone()
    }

    fn nodes(&self, path: Vec<Subtree>, size: u64) -> Vec<Hash> {
        let node = |address| {
            let (tile, range) = Tile::holding(address, size).unwrap();
            Ok::<_, ()>(Tile::node(&self.tile(tile, size)[range]))
        };
        path.into_iter().map(|subtree| subtree.node(node).unwrap()).collect()
    }

    fn root(&self, size: u64) -> Hash {
        self.edges[usize::try_from(size).unwrap()].root()
    }
}

#[test]
fn an_edge_has_the_root_of_rfc_6962_at_every_size_and_goes_on_from_its_tiles() {
    let grown = Grown::new(1_100);
    for size in 0..=1_100 {
        assert_eq!(grown.root(size), tree::root((0..size).map(leaf)), "{size}");
        let edge = &grown.edges[usize::try_from(size).unwrap()];
        assert_eq!(edge.size(), size);
        assert_eq!(Edge::of(size, &edge.partial()).as_ref(), Some(edge), "{size}");
        let mut cut = edge.partial();
        if let Some((_, hashes)) = cut.first_mut() {
            hashes.pop();
            assert_eq!(Edge::of(size, &cut), None, "{size}");
        }
    }
}

#[test]
fn proofs_from_tiles_verify_over_level_boundaries() {
    let size = 66_000;
    let grown = Grown::new(size);
    let root = grown.root(size);
    for index in [0, 1, 255, 256, 257, 32_767, 65_535, 65_536, 65_791, 65_792, 65_999] {
        let proof = grown.nodes(inclusion::path(index, size).unwrap(), size);
        inclusion::verify(leaf(index), index, size, &proof, &root).unwrap();
        assert!(inclusion::verify(leaf(index + 1), index, size, &proof, &root).is_err());
    }
    for old in [0, 1, 2, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 65_792, 66_000] {
        let proof = grown.nodes(consistency::path(old, size).unwrap(), size);
        consistency::verify(old, &grown.root(old), size, &root, &proof).unwrap();
    }
}

#[test]
fn tiles_are_those_of_the_specification() {
    let tile = |level, index, width| Tile { level, index, width };
    // The examples of its text.
    assert_eq!(index_path(1_234_067), "x001/x234/067");
    assert_eq!(Tile::partial(70_000), [tile(0, 273, 112), tile(1, 1, 17), tile(2, 0, 1)]);
    assert_eq!(Tile::partial(256), [tile(1, 0, 1)]);
    assert_eq!(Tile::partial(0), []);
    assert_eq!(Tile::of(0, 272, 70_000), Some(Tile::full(0, 272)));
    assert_eq!(Tile::of(0, 274, 70_000), None);
    assert_eq!(Tile::of(u32::MAX / 8, 0, 70_000), None);
    assert_eq!(tile(0, 273, 112).path(), "tile/0/273.p/112");
    assert_eq!(Tile::full(1, 1_234_067).path(), "tile/1/x001/x234/067");
    assert_eq!(tile(0, 1_000, 7).entries_path(), "tile/entries/x001/000.p/7");
    for index in [0, 7, 999, 1_000, 999_999, 1_000_000, u64::MAX] {
        assert_eq!(parse_index(&index_path(index)), Some(index));
    }
    for path in ["", "1", "0001", "x000/001", "x1/000", "000/001", "x001", "x001/000/", "+01"] {
        assert_eq!(parse_index(path), None, "{path}");
    }
}

#[test]
fn checkpoint_of_the_specification_is_read_and_written_to_the_byte() {
    let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    let checkpoint = Checkpoint::parse(text).unwrap();
    assert_eq!((checkpoint.origin.as_str(), checkpoint.size), ("example.com/behind-the-sofa", 20_852_163));
    assert_eq!(checkpoint.to_string(), text);
    assert_eq!(Checkpoint::parse(&format!("{text}an extension\n")).unwrap(), checkpoint);
    let check = |from: &str, to: &str, expected: &str| {
        let error = Checkpoint::parse(&text.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.contains(expected), "{to:?}: {error}");
    };
    check("20852163", "020852163", "no number");
    check("20852163", "+20852163", "no number");
    check("20852163", "18446744073709551616", "no number");
    check("q2I=", "q2J=", "no root");
    check("CsUY", "", "no root");
    check("example.com/behind-the-sofa", "", "is empty");
    check("2I=\n", "2I=\n\n", "is empty");
    check("2I=\n", "2I=", "no end");
    check("20852163\n", "", "fewer than three");
    assert!(Checkpoint::parse("").is_err());
}

#[test]
fn entries_are_one_line_in_one_spelling() {
    let manifest = Hash::of(b"manifest");
    let entry = Entry { stream: "clicks".into(), hour: "2026-11-22T14".into(), manifest };
    let line = format!("clicktrail manifest 1\tclicks\t2026-11-22T14\t{manifest}\n");
    assert_eq!(entry.to_string(), line);
    assert_eq!(Entry::from_bytes(line.as_bytes()).unwrap(), entry);
    assert_eq!(entry.leaf(), Hash::leaf(line.as_bytes()));
    for (from, to) in [
        ("\n", ""),
        ("\n", "\r\n"),
        (" 1\t", " 2\t"),
        ("clicks\t", "\t"),
        ("clicks\t", "Clicks\t"),
        ("T14", "T1"),
        ("T14", "-14"),
        ("\tclicks", " clicks"),
    ] {
        assert!(line.replacen(from, to, 1).parse::<Entry>().is_err(), "{from:?} → {to:?}");
    }
    assert!(line.to_uppercase().parse::<Entry>().is_err());
    assert!(Entry::from_bytes(b"\xff\n").is_err());
}

#[test]
fn bundles_hold_their_entries_and_nothing_else() {
    let long = vec![b'x'; bundle::ENTRY_BYTES_MAX];
    let entries: [&[u8]; 3] = [b"one", b"", &long];
    let bytes = bundle::encode(entries);
    assert_eq!(&bytes[..7], b"\0\x03one\0\0");
    assert_eq!(bundle::decode(&bytes, 3).unwrap(), entries);
    assert!(bundle::decode(&bytes, 2).is_err(), "an entry too many");
    assert!(bundle::decode(&bytes, 4).is_err(), "an entry too few");
    assert!(bundle::decode(&bytes[..bytes.len() - 1], 3).is_err());
    assert_eq!(bundle::decode(b"", 0).unwrap(), Vec::<&[u8]>::new());
    assert!(bundle::decode(b"\0", 1).is_err());
}

const ORIGIN: &str = "logs.example/clicks";

fn log_key() -> SigningKey {
    SigningKey::of_seed(ORIGIN, Kind::Ed25519, [1; 32]).unwrap()
}

fn signed(grown: &Grown, size: u64) -> Note {
    let checkpoint = Checkpoint { origin: ORIGIN.into(), size, root: grown.root(size) };
    Note::sign(&checkpoint.to_string(), &[&log_key()], 0).unwrap()
}

fn request(grown: &Grown, old: u64, size: u64) -> AddCheckpoint {
    let proof = grown.nodes(consistency::path(old, size).unwrap(), size);
    AddCheckpoint { old, proof, note: signed(grown, size) }
}

fn witness() -> Witness {
    let key = SigningKey::of_seed("witness.example/w1", Kind::Cosignature, [2; 32]).unwrap();
    Witness::new(&key, BTreeMap::from([(ORIGIN.to_owned(), vec![log_key().verifier().clone()])]))
}

#[test]
fn a_witness_signs_what_continues_what_it_saw() {
    let (grown, witness) = (Grown::new(300), witness());
    let mut seen = None;
    for (old, size) in [(0, 1), (1, 200), (200, 200), (200, 256), (256, 300)] {
        let body = request(&grown, old, size).to_bytes();
        assert_eq!(AddCheckpoint::parse(&body).unwrap(), request(&grown, old, size));
        let judged = witness.judge(&body, |origin| (origin == ORIGIN).then_some(seen).flatten()).unwrap();
        let answer = witness.sign(&judged, 1_700_000_000);
        let note = cosigned(&judged.note, answer.as_bytes(), witness.verifier()).unwrap();
        let keys: [VerifierKey; 2] = [log_key().verifier().clone(), witness.verifier().clone()];
        let times: Vec<_> = note.verify(&keys).unwrap().iter().map(|signed| signed.time).collect();
        assert_eq!(times, [None, Some(1_700_000_000)]);
        seen = Some(Seen { size: judged.checkpoint.size, root: judged.checkpoint.root });
    }
}

#[test]
fn what_a_witness_refuses_has_the_status_of_the_specification() {
    let (grown, witness) = (Grown::new(300), witness());
    let seen = Seen { size: 200, root: grown.root(200) };
    let check = |body: &[u8], expected: u16| {
        let refusal = witness.judge(body, |_| Some(seen)).unwrap_err();
        assert_eq!(refusal.status(), expected, "{refusal}");
        refusal
    };
    let good = || request(&grown, 200, 300);
    check(b"", 400);
    check(b"old 1\n", 400);
    check(&[b"old 0200\n".as_slice(), &good().to_bytes()[8..]].concat(), 400);
    check(&AddCheckpoint { old: 301, ..good() }.to_bytes(), 400);
    check(&AddCheckpoint { proof: vec![Hash::empty(); 64], ..good() }.to_bytes(), 400);
    assert_eq!(check(&request(&grown, 100, 300).to_bytes(), 409), Refusal::Elsewhere(200));
    check(&AddCheckpoint { proof: Vec::new(), ..good() }.to_bytes(), 422);
    let mut longer = good();
    longer.proof.push(Hash::empty());
    check(&longer.to_bytes(), 422);
    let mut edited = good();
    edited.proof[0] = Hash::empty();
    check(&edited.to_bytes(), 422);
    // Another history of the same log: the beginning is another one.
    let mut fork = Grown::new(0);
    for index in 0..300 {
        let hash = leaf(if index == 10 { 1_000 } else { index });
        let mut edge = fork.edges.last().unwrap().clone();
        fork.full.extend(edge.push(hash));
        fork.edges.push(edge);
    }
    check(&request(&fork, 200, 300).to_bytes(), 422);
    // As many entries and another root: that, too, is said to stand elsewhere.
    assert_eq!(check(&request(&fork, 200, 200).to_bytes(), 409), Refusal::Forked(200));
    let stranger = SigningKey::of_seed(ORIGIN, Kind::Ed25519, [3; 32]).unwrap();
    let text = good().note.text().to_owned();
    check(&AddCheckpoint { note: Note::sign(&text, &[&stranger], 0).unwrap(), ..good() }.to_bytes(), 403);
    let forged = String::from_utf8(good().to_bytes()).unwrap().replace("\n300\n", "\n301\n");
    check(forged.as_bytes(), 403);
    let other = SigningKey::of_seed("other.example", Kind::Ed25519, [1; 32]).unwrap();
    let other = Note::sign(&text.replace(ORIGIN, "other.example"), &[&other], 0).unwrap();
    check(&AddCheckpoint { note: other, ..good() }.to_bytes(), 404);
    // The empty log has one root, and nothing to prove.
    let empty = |root| {
        let text = Checkpoint { origin: ORIGIN.into(), size: 0, root }.to_string();
        AddCheckpoint { old: 0, proof: Vec::new(), note: Note::sign(&text, &[&log_key()], 0).unwrap() }.to_bytes()
    };
    assert!(witness.judge(&empty(Hash::empty()), |_| None).is_ok());
    assert_eq!(witness.judge(&empty(leaf(0)), |_| None).unwrap_err().status(), 422);
    let begun = AddCheckpoint { proof: vec![Hash::empty()], ..request(&grown, 0, 300) };
    assert_eq!(witness.judge(&begun.to_bytes(), |_| None).unwrap_err().status(), 422);
}

#[test]
fn only_the_witness_that_was_asked_counts() {
    let (grown, witness) = (Grown::new(3), witness());
    let judged = witness.judge(&request(&grown, 0, 3).to_bytes(), |_| None).unwrap();
    let answer = witness.sign(&judged, 5);
    let stranger = SigningKey::of_seed("witness.example/w1", Kind::Cosignature, [9; 32]).unwrap();
    assert!(cosigned(&judged.note, answer.as_bytes(), stranger.verifier()).is_err());
    assert!(cosigned(&signed(&grown, 2), answer.as_bytes(), witness.verifier()).is_err(), "of another checkpoint");
    assert!(cosigned(&judged.note, b"", witness.verifier()).is_err());
    assert!(cosigned(&judged.note, b"hello\n", witness.verifier()).is_err());
    let others = format!("{}{answer}", Note::sign(judged.note.text(), &[&stranger], 5).unwrap().signatures()[0]);
    assert!(cosigned(&judged.note, others.as_bytes(), witness.verifier()).is_err(), "the first line has no end");
    let others = format!("{}\n{answer}", Note::sign(judged.note.text(), &[&stranger], 5).unwrap().signatures()[0]);
    let note = cosigned(&judged.note, others.as_bytes(), witness.verifier()).unwrap();
    assert_eq!(note.signatures().len(), 2, "the stranger's is left out");
}
