use std::{
    collections::BTreeSet,
    ops::Range,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use clicktrail_evidence::{
    Hash,
    note::{Kind, Note, SigningKey},
    tlog::{Checkpoint, Entry, Tile},
    tree::{consistency, inclusion},
};

use super::*;
use crate::{
    archive::{
        keys::{ManifestKey, TransparencyKey},
        store::Archive,
        verify::Problem,
    },
    frame::Digest,
    log::Stream,
    time::Hour,
};

const ORIGIN: &str = "logs.example/clicks";

fn key(seed: u8) -> SigningKey {
    SigningKey::of_seed(ORIGIN, Kind::Ed25519, [seed; 32]).unwrap()
}

fn keys(seeds: &[u8]) -> Keys {
    Keys::new(seeds.iter().map(|seed| key(*seed)).collect()).unwrap()
}

/// Hours that read back, but for those that are said not to; it counts how often each is read.
#[derive(Debug, Default)]
struct Sound {
    broken: Mutex<BTreeSet<(String, Hour)>>,
    read: Mutex<u32>,
}

impl Hours for Sound {
    fn problems(&self, stream: Stream, hour: Hour, _: Digest, previous: Option<Digest>) -> Found<'_> {
        let before = Digest::of(format!("manifest {} of {stream}\n", number_of(hour) - 1).as_bytes());
        assert!(previous.is_none_or(|previous| previous == before), "the hour before is the last that was logged");
        *self.read.lock().unwrap() += 1;
        let is_broken = self.broken.lock().unwrap().contains(&(stream.to_string(), hour));
        let problem = Problem { hour, key: "part".into(), reason: "it is damaged".into() };
        Box::pin(async move { Ok(if is_broken { vec![problem] } else { Vec::new() }) })
    }
}

struct Bed {
    directory: tempfile::TempDir,
    archive: Archive,
    hours: Arc<Sound>,
}

fn hour(number: i64) -> Hour {
    Hour::from_i64(Hour::parse("2026-11-22T00").unwrap().as_i64() + number)
}

fn number_of(at: Hour) -> i64 {
    at.as_i64() - hour(0).as_i64()
}

impl Bed {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let archive = Archive::directory(directory.path().to_owned()).unwrap();
        Self { directory, archive, hours: Arc::default() }
    }

    /// Hours of a stream that have some manifest.
    async fn seal(&self, stream: Stream, numbers: Range<i64>) {
        for number in numbers {
            let path = ManifestKey { stream, hour: hour(number) }.path();
            self.archive.create(&path, format!("manifest {number} of {stream}\n").into()).await.unwrap();
        }
    }

    fn signer(&self, seeds: &[u8]) -> Signer {
        Signer::new(self.archive.clone(), keys(seeds), Arc::clone(&self.hours) as Arc<_>)
    }

    async fn signed(&self, seeds: &[u8]) -> Kept {
        match self.sign_all(&mut self.signer(seeds)).await {
            Some(signed) => signed,
            None => Reader::new(self.archive.clone()).newest().await.unwrap().unwrap(),
        }
    }

    async fn sign_all(&self, signer: &mut Signer) -> Option<Kept> {
        let mut newest = None;
        loop {
            let signed = signer.step().await.unwrap();
            assert!(signed.left_out.is_empty(), "{:?}", signed.left_out);
            newest = signed.checkpoint.or(newest);
            if !signed.is_behind {
                return newest;
            }
        }
    }

    fn file(&self, key: &TransparencyKey) -> PathBuf {
        self.directory.path().join(key.path().as_ref())
    }

    async fn problems(&self) -> Vec<(String, String)> {
        let keys = [key(1).verifier().clone(), key(2).verifier().clone()];
        verify::check(&self.archive, &keys).await.unwrap().unwrap().problems
    }

    fn entry(&self, stream: Stream, number: i64) -> Entry {
        let manifest = Digest::of(format!("manifest {number} of {stream}\n").as_bytes());
        Entry { stream: stream.to_string(), hour: hour(number).to_string(), manifest: Hash(manifest.0) }
    }
}

#[tokio::test]
async fn hours_are_logged_in_order_and_proved_under_each_checkpoint() {
    let bed = Bed::new();
    bed.seal(Stream::Clicks, 0..3).await;
    bed.seal(Stream::Verdicts, 1..2).await;
    let first = bed.signed(&[1]).await;
    let reader = Reader::new(bed.archive.clone());
    let entries = reader.entries(0..4, 4).await.unwrap();
    let expected = [(Stream::Clicks, 0), (Stream::Clicks, 1), (Stream::Verdicts, 1), (Stream::Clicks, 2)];
    assert_eq!(entries, expected.map(|(stream, number)| bed.entry(stream, number)));
    // As another program makes it of the same entries and key.
    let expected = "logs.example/clicks\n4\nN6zMi9o/Q/HW0cUa+CVavuwOafgtdBr7nlfiHO1ZpQE=\n\n\u{2014} logs.example/clicks \
        qpr7TnOk8TpUaIHN/0QYRoPgYYY0Ifu7unZPDWHQX4Bvr0xs47pRHDg03AcIN4nF0AuRvi6Z5FNagKwmvaH3Dmi0TgE=\n";
    assert_eq!(first.note.to_string(), expected);
    assert_eq!((first.checkpoint.origin.as_str(), first.checkpoint.size), (ORIGIN, 4));

    // Past a full tile, and in several steps.
    bed.seal(Stream::Clicks, 3..600).await;
    bed.seal(Stream::Verdicts, 2..5).await;
    bed.seal(Stream::Invoices, 300..310).await;
    let second = bed.signed(&[1]).await;
    assert_eq!(second.checkpoint.size, 614);
    second.note.verify(&[key(1).verifier().clone()]).unwrap();
    let mut reader = Reader::new(bed.archive.clone());
    assert_eq!(reader.newest().await.unwrap(), Some(second.clone()));
    let proof = reader.consistency(4, 614, 614).await.unwrap();
    consistency::verify(4, &first.checkpoint.root, 614, &second.checkpoint.root, &proof).unwrap();
    assert_eq!(reader.root(4, 614).await.unwrap(), first.checkpoint.root);
    let wanted = [bed.entry(Stream::Clicks, 0), bed.entry(Stream::Invoices, 305), bed.entry(Stream::Clicks, 599)];
    let unknown = bed.entry(Stream::Clicks, 600);
    let found = reader.find(&[wanted.as_slice(), std::slice::from_ref(&unknown)].concat(), 614).await.unwrap();
    assert_eq!(found.len(), 3, "{unknown} is not logged");
    for entry in &wanted {
        let number = found[entry];
        let proof = reader.inclusion(number, &second).await.unwrap();
        inclusion::verify(entry.leaf(), number, 614, &proof, &second.checkpoint.root).unwrap();
        assert_eq!(reader.entries(number..number + 1, 614).await.unwrap(), std::slice::from_ref(entry));
    }
    assert_eq!(bed.problems().await, []);
    assert_eq!(*bed.hours.read.lock().unwrap(), 614, "each hour is read back once");
    let report = verify::check(&bed.archive, &[]).await.unwrap().unwrap();
    assert_eq!((report.entries, report.unsigned, report.checkpoints), (614, 0, 4));
}

#[tokio::test]
async fn nothing_new_signs_nothing_and_an_archive_without_a_key_has_no_log() {
    let bed = Bed::new();
    assert!(verify::check(&bed.archive, &[]).await.unwrap().is_none());
    let mut signer = bed.signer(&[1]);
    assert!(signer.step().await.unwrap().checkpoint.is_none(), "nothing is sealed");
    assert!(Reader::new(bed.archive.clone()).newest().await.unwrap().is_none());
    bed.seal(Stream::Clicks, 0..1).await;
    assert!(signer.step().await.unwrap().checkpoint.is_some());
    assert!(signer.step().await.unwrap().checkpoint.is_none());
    assert!(bed.signer(&[1]).step().await.unwrap().checkpoint.is_none());
    bed.seal(Stream::Clicks, 1..3).await;
    let report = verify::check(&bed.archive, &[]).await.unwrap().unwrap();
    assert_eq!((report.entries, report.unsigned), (1, 2), "what was sealed since is said");
    assert_eq!(report.problems, []);
}

#[tokio::test]
async fn two_signers_of_one_archive_make_one_history() {
    let bed = Bed::new();
    let (mut one, mut other) = (bed.signer(&[1]), bed.signer(&[1]));
    for round in 0..40 {
        bed.seal(Stream::Clicks, round * 5..round * 5 + 5).await;
        bed.seal(Stream::Verdicts, round * 5..round * 5 + 4 + round % 2).await;
        let (one, other) = tokio::join!(one.step(), other.step());
        one.unwrap();
        other.unwrap();
        if round % 2 == 0 {
            bed.seal(Stream::Verdicts, round * 5 + 4..round * 5 + 5).await;
        }
    }
    let newest = bed.signed(&[1]).await;
    assert_eq!(newest.checkpoint.size, 400);
    assert_eq!(bed.problems().await, []);
}

#[tokio::test]
async fn partial_tiles_go_once_they_are_filled_and_older_checkpoints_stay_provable() {
    let bed = Bed::new();
    let mut older = Vec::new();
    for sealed in [0..100, 100..101, 101..255, 255..300, 300..520] {
        bed.seal(Stream::Clicks, sealed).await;
        older.push(bed.signed(&[1]).await);
    }
    let newest = older.pop().unwrap();
    let left: Vec<_> =
        [TransparencyKey::partial(Tile::full(0, 0)), TransparencyKey::partial(Tile::full(0, 1))].concat();
    for prefix in left {
        assert!(bed.archive.list(&prefix).await.unwrap().is_empty(), "{prefix}");
    }
    assert!(bed.file(&TransparencyKey::Tile(Tile::partial(520)[0])).exists(), "what is not filled stays");
    let mut reader = Reader::new(bed.archive.clone());
    for old in &older {
        let size = old.checkpoint.size;
        // Under the older checkpoint itself, whose partial tiles are gone.
        assert_eq!(reader.root(size, size).await.unwrap(), old.checkpoint.root);
        assert_eq!(reader.entries(0..size, size).await.unwrap().len() as u64, size);
        let proof = reader.inclusion(size - 1, old).await.unwrap();
        let leaf = bed.entry(Stream::Clicks, i64::try_from(size).unwrap() - 1).leaf();
        inclusion::verify(leaf, size - 1, size, &proof, &old.checkpoint.root).unwrap();
        let proof = reader.consistency(size, 520, 520).await.unwrap();
        consistency::verify(size, &old.checkpoint.root, 520, &newest.checkpoint.root, &proof).unwrap();
    }
    assert_eq!(bed.problems().await, []);
    assert_eq!(mend(&bed.archive, &keys(&[1])).await.unwrap(), [""; 0]);
}

/// Every object of a finished log is taken away from the last on, as if the process had died before it, and the next
/// one ends where the first did.
#[tokio::test]
async fn a_signer_that_died_anywhere_is_followed_by_one_that_signs_the_same() {
    let bed = Bed::new();
    bed.seal(Stream::Clicks, 0..255).await;
    bed.signed(&[1]).await;
    // They go at the very end, so whoever died before that left them.
    let before = [TransparencyKey::Entries, TransparencyKey::Tile].map(|key| bed.file(&key(Tile::partial(255)[0])));
    let before = before.map(|file| (std::fs::read(&file).unwrap(), file));
    bed.seal(Stream::Clicks, 255..258).await;
    let whole = bed.signed(&[1]).await;
    assert!(before.iter().all(|(_, file)| !file.exists()), "what was filled is gone");
    let mut written: Vec<_> = (255..258).map(TransparencyKey::Entry).collect();
    written.push(TransparencyKey::Entries(Tile::full(0, 0)));
    written.push(TransparencyKey::Tile(Tile::full(0, 0)));
    for tile in Tile::partial(258) {
        if tile.level == 0 {
            written.push(TransparencyKey::Entries(tile));
        }
        written.push(TransparencyKey::Tile(tile));
    }
    written.extend([TransparencyKey::Checkpoint(258), TransparencyKey::Newest]);
    for died_before in (0..written.len()).rev() {
        for gone in &written[died_before..] {
            let _ = std::fs::remove_file(bed.file(gone));
        }
        for (bytes, file) in &before {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, bytes).unwrap();
        }
        let again = bed.signed(&[1]).await;
        assert_eq!(again.note, whole.note, "died before {:?}", written[died_before]);
        let given_out = std::fs::read_to_string(bed.file(&TransparencyKey::Newest)).unwrap();
        assert_eq!(given_out, whole.note.to_string(), "died before {:?}", written[died_before]);
        assert_eq!(bed.problems().await, []);
    }
}

#[tokio::test]
async fn an_hour_that_does_not_read_back_is_not_signed_and_keeps_no_other_stream_from_it() {
    let bed = Bed::new();
    bed.seal(Stream::Clicks, 0..4).await;
    bed.seal(Stream::Verdicts, 0..4).await;
    bed.hours.broken.lock().unwrap().insert(("clicks".into(), hour(2)));
    let mut signer = bed.signer(&[1]);
    let signed = signer.step().await.unwrap();
    assert_eq!(signed.checkpoint.unwrap().checkpoint.size, 6);
    assert!(
        signed.left_out[0].to_string().contains("clicks of 2026-11-22T02 are not signed: part"),
        "{:?}",
        signed.left_out
    );
    bed.hours.broken.lock().unwrap().clear();
    assert_eq!(signer.step().await.unwrap().checkpoint.unwrap().checkpoint.size, 8, "once it was put back");
    assert_eq!(bed.problems().await, []);
    // One that another process logged is not signed either, and nothing behind it can be.
    bed.seal(Stream::Clicks, 4..5).await;
    bed.archive
        .create(&TransparencyKey::Entry(8).path(), bed.entry(Stream::Clicks, 4).to_string().into())
        .await
        .unwrap();
    bed.hours.broken.lock().unwrap().insert(("clicks".into(), hour(4)));
    let error = signer.step().await.unwrap_err();
    assert!(matches!(error, Error::Hour { .. }), "{error}");
    bed.hours.broken.lock().unwrap().clear();
    assert_eq!(signer.step().await.unwrap().checkpoint.unwrap().checkpoint.size, 9);
}

#[tokio::test]
async fn an_entry_that_may_not_stand_is_never_signed() {
    let check = async |entry: String, expected: &str| {
        let bed = Bed::new();
        bed.seal(Stream::Clicks, 0..3).await;
        bed.signed(&[1]).await;
        bed.seal(Stream::Clicks, 3..5).await;
        bed.archive.create(&TransparencyKey::Entry(3).path(), entry.into()).await.unwrap();
        let error = bed.signer(&[1]).step().await.unwrap_err();
        let text = crate::causes::causes(&error);
        assert!(text.contains(expected), "{text}");
        assert!(!error.is_transient());
    };
    let bed = Bed::new();
    check(bed.entry(Stream::Clicks, 4).to_string(), "do not follow").await;
    check(bed.entry(Stream::Clicks, 2).to_string(), "do not follow").await;
    check(bed.entry(Stream::Rejected, 3).to_string(), "no stream that is sealed").await;
    check(bed.entry(Stream::Verdicts, 3).to_string(), "verdicts do not begin with the hour").await;
    let forged = Entry { manifest: Hash::of(b"other"), ..bed.entry(Stream::Clicks, 3) };
    check(forged.to_string(), "is gone or is another one").await;
    check(String::new(), "is damaged").await;
    check(bed.entry(Stream::Clicks, 3).to_string().trim_end().to_owned(), "is damaged").await;
}

#[tokio::test]
async fn what_was_edited_torn_or_taken_away_is_named() {
    let tile = Tile { level: 0, index: 1, width: 44 };
    let full = Tile::full(0, 0);
    let keys = [
        TransparencyKey::Entry(10),
        TransparencyKey::Entry(299),
        TransparencyKey::Tile(full),
        TransparencyKey::Entries(full),
        TransparencyKey::Tile(tile),
        TransparencyKey::Entries(tile),
        TransparencyKey::Checkpoint(256),
        TransparencyKey::Checkpoint(300),
    ];
    let bed = Bed::new();
    bed.seal(Stream::Clicks, 0..300).await;
    bed.signed(&[1]).await;
    assert_eq!(bed.problems().await, []);
    for key in &keys {
        let file = bed.file(key);
        let whole = std::fs::read(&file).unwrap();
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 1;
        for bytes in [Some(flipped.as_slice()), Some(&whole[..whole.len() / 2]), Some(b""), None] {
            match bytes {
                Some(bytes) => std::fs::write(&file, bytes).unwrap(),
                None => std::fs::remove_file(&file).unwrap(),
            }
            let problems = bed.problems().await;
            let is_gone = bytes.is_none() && matches!(key, TransparencyKey::Checkpoint(_));
            let named = problems.iter().any(|(named, _)| *named == key.path().to_string());
            assert!(named || is_gone, "{key:?}: {problems:?}");
        }
        std::fs::write(&file, &whole).unwrap();
    }
    // The newest checkpoint taken away: what it was over is unsigned, and its tiles stay.
    std::fs::remove_file(bed.file(&keys[7])).unwrap();
    let report = verify::check(&bed.archive, &[]).await.unwrap().unwrap();
    assert_eq!(report.unsigned, 44);
    assert_eq!(bed.signed(&[1]).await.checkpoint.size, 300);
    // A manifest that is gone, or another one.
    let manifest = bed.directory.path().join(ManifestKey { stream: Stream::Clicks, hour: hour(7) }.path().as_ref());
    std::fs::write(&manifest, "another\n").unwrap();
    assert!(bed.problems().await[0].1.contains("is another one now"));
    std::fs::remove_file(&manifest).unwrap();
    assert!(bed.problems().await[0].1.contains("is gone"));
}

#[tokio::test]
async fn nothing_is_signed_on_top_of_damage_and_what_is_derived_is_made_again() {
    let bed = Bed::new();
    bed.seal(Stream::Clicks, 0..300).await;
    bed.signed(&[1]).await;
    bed.seal(Stream::Clicks, 300..301).await;
    let tile = Tile { level: 0, index: 1, width: 44 };
    for key in [TransparencyKey::Tile(tile), TransparencyKey::Entries(tile)] {
        let file = bed.file(&key);
        let whole = std::fs::read(&file).unwrap();
        let mut flipped = whole.clone();
        *flipped.last_mut().unwrap() ^= 1;
        std::fs::write(&file, flipped).unwrap();
        let text = crate::causes::causes(&bed.signer(&[1]).step().await.unwrap_err());
        assert!(text.contains("is damaged") && text.contains("transparency/"), "{text}");
        assert!(mend(&bed.archive, &keys(&[1])).await.is_err(), "what is wrong is not written over");
        std::fs::remove_file(&file).unwrap();
        assert!(bed.signer(&[1]).step().await.is_err());
        assert_eq!(mend(&bed.archive, &keys(&[1])).await.unwrap(), [key.path().to_string()]);
        assert_eq!(std::fs::read(&file).unwrap(), whole);
    }
    let entry = TransparencyKey::Entry(3);
    std::fs::remove_file(bed.file(&entry)).unwrap();
    assert_eq!(mend(&bed.archive, &keys(&[1])).await.unwrap(), [entry.path().to_string()], "a bundle has it");
    assert_eq!(bed.signed(&[1]).await.checkpoint.size, 301);
    assert_eq!(bed.problems().await, []);
}

#[tokio::test]
async fn a_copy_of_the_newest_checkpoint_that_is_lost_or_old_hides_nothing() {
    let bed = Bed::new();
    bed.seal(Stream::Clicks, 0..1).await;
    let first = bed.signed(&[1]).await;
    bed.seal(Stream::Clicks, 1..1_100).await;
    let newest = bed.signed(&[1]).await;
    assert_eq!(newest.checkpoint.size, 1_100);
    let file = bed.file(&TransparencyKey::Newest);
    for bytes in [first.note.to_string().as_bytes(), b"", b"torn"] {
        std::fs::write(&file, bytes).unwrap();
        assert_eq!(Reader::new(bed.archive.clone()).newest().await.unwrap().as_ref(), Some(&newest));
    }
    std::fs::remove_file(&file).unwrap();
    assert_eq!(Reader::new(bed.archive.clone()).newest().await.unwrap().as_ref(), Some(&newest));
    // Entries without a checkpoint behind it, in another directory of checkpoints.
    for size in [1_100, 1_025] {
        let _ = std::fs::remove_file(bed.file(&TransparencyKey::Checkpoint(size)));
    }
    let found = Reader::new(bed.archive.clone()).newest().await.unwrap().unwrap();
    assert_eq!(found.checkpoint.size, 769, "the last of those before 1,000");
}

#[tokio::test]
async fn a_key_is_replaced_by_signing_with_both_for_a_while() {
    let bed = Bed::new();
    bed.seal(Stream::Clicks, 0..1).await;
    bed.signed(&[1]).await;
    bed.seal(Stream::Clicks, 1..2).await;
    let refused = bed.signer(&[2]).step().await.unwrap_err();
    assert!(matches!(refused, Error::NotOurs { size: 1, .. }), "{refused}");
    let both = bed.signed(&[1, 2]).await;
    for seed in [1, 2] {
        both.note.verify(&[key(seed).verifier().clone()]).unwrap();
    }
    bed.seal(Stream::Clicks, 2..3).await;
    let last = bed.signed(&[2]).await;
    assert!(last.note.verify(&[key(1).verifier().clone()]).is_err());
    assert_eq!(bed.problems().await, []);
    let one = verify::check(&bed.archive, &[key(1).verifier().clone()]).await.unwrap().unwrap();
    assert_eq!(one.problems.len(), 1, "the last is not signed by the first key: {:?}", one.problems);
    let other = Signer::new(
        bed.archive.clone(),
        Keys::new(vec![SigningKey::of_seed("other", Kind::Ed25519, [2; 32]).unwrap()]).unwrap(),
        Arc::clone(&bed.hours) as Arc<_>,
    )
    .step()
    .await
    .unwrap_err();
    assert!(matches!(other, Error::Origin { .. }), "{other}");
}

#[test]
fn keys_that_cannot_sign_together_are_refused() {
    let check = |keys: Vec<SigningKey>, expected: &str| {
        let error = Keys::new(keys).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(Vec::new(), "no key");
    check(vec![key(1), key(2), key(3)], "at most 2");
    check(vec![key(1), key(1)], "twice");
    check(vec![key(1), SigningKey::of_seed("other", Kind::Ed25519, [1; 32]).unwrap()], "one log");
    check(vec![key(1).of_witness()], "key of a witness");
}

#[tokio::test]
async fn another_tree_of_the_same_size_under_our_key_is_called_a_fork() {
    let bed = Bed::new();
    bed.seal(Stream::Clicks, 0..1).await;
    let forged = Checkpoint { origin: ORIGIN.into(), size: 2, root: Hash::of(b"x") };
    let note = Note::sign(&forged.to_string(), &[&key(1)], 0).unwrap();
    let mut signer = bed.signer(&[1]);
    signer.step().await.unwrap();
    // It turns up between the look and the signature.
    bed.seal(Stream::Clicks, 1..2).await;
    bed.archive.create(&TransparencyKey::Checkpoint(2).path(), note.to_string().into()).await.unwrap();
    assert!(matches!(signer.step().await, Err(Error::Forked { size: 2 })));
    assert!(bed.problems().await[0].1.contains("its root is not that of the entries"));
}

#[test]
fn a_witness_is_named_by_address_and_key() {
    let witness = key(7).of_witness();
    let text = format!("https://witness.example/a=b/={}", witness.verifier());
    let address: witnesses::Address = text.parse().unwrap();
    assert_eq!(address.to_string(), format!("{ORIGIN} (https://witness.example/a=b)"));
    for text in [
        format!("witness.example={}", witness.verifier()),
        format!("https://={}", witness.verifier()),
        format!("https://witness.example={}", key(7).verifier()),
        "https://witness.example".to_owned(),
        String::new(),
    ] {
        assert!(text.parse::<witnesses::Address>().is_err(), "{text}");
    }
    let bed = Bed::new();
    let twice = vec![address.clone(), format!("https://other.example={}", witness.verifier()).parse().unwrap()];
    assert!(witnesses::Witnesses::new(bed.archive, twice).is_err(), "one key is of two witnesses");
}

/// A passed over hour would never be signed, and nobody would miss it.
#[tokio::test]
async fn an_hour_that_was_passed_over_is_named() {
    let bed = Bed::new();
    bed.seal(Stream::Clicks, 3..5).await;
    bed.signed(&[1]).await;
    bed.seal(Stream::Clicks, 2..3).await;
    let problems = bed.problems().await;
    assert!(problems[0].1.contains("clicks of 2026-11-22T02 are sealed and were passed over"), "{problems:?}");
}
