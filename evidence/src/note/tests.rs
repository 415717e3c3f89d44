use super::*;

/// The example of the specification.
const EXAMPLE_KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const EXAMPLE: &str = "This is an example message.\n\n\u{2014} example.com/foo \
    Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

/// A key pair that other programs test themselves with.
const OTHER_SECRET: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const OTHER_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const OTHER_TEXT: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n";
const OTHER_LINE: &str = "\u{2014} PeterNeumann \
    x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";

fn key(text: &str) -> VerifierKey {
    text.parse().unwrap()
}

#[test]
fn example_of_the_specification_verifies_and_comes_out_again_to_the_byte() {
    let note = Note::parse(EXAMPLE.as_bytes()).unwrap();
    assert_eq!(note.text(), "This is an example message.\n");
    assert_eq!(note.to_string(), EXAMPLE);
    let keys = [key(EXAMPLE_KEY)];
    assert_eq!(keys[0].to_string(), EXAMPLE_KEY);
    assert_eq!(note.verify(&keys).unwrap(), [Signed { key: &keys[0], time: None }]);
}

#[test]
fn key_of_another_program_signs_as_it_does_there() {
    let secret = SigningKey::parse(OTHER_SECRET).unwrap();
    assert_eq!(secret.to_text(), OTHER_SECRET);
    assert_eq!(secret.verifier().to_string(), OTHER_KEY);
    let note = Note::sign(OTHER_TEXT, &[&secret], 0).unwrap();
    assert_eq!(note.to_string(), format!("{OTHER_TEXT}\n{OTHER_LINE}\n"));
}

#[test]
fn ed25519_is_that_of_rfc_8032() {
    let hex = |text: &str| hex::decode(text).unwrap();
    let seed = hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb").try_into().unwrap();
    let secret = SigningKey::of_seed("rfc8032", Kind::Ed25519, seed).unwrap();
    let public = hex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
    assert_eq!(secret.verifier().public.as_slice(), public);
    let signature = secret.sign("r", 0);
    let expected = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
        085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";
    assert_eq!(hex::encode(signature.bytes), expected);
}

#[test]
fn new_keys_differ_and_do_not_show_their_secret() {
    let (one, other) = (SigningKey::generate("a", Kind::Ed25519).unwrap(), SigningKey::generate("a", Kind::Ed25519));
    assert_ne!(one.to_text(), other.unwrap().to_text());
    let secret = one.to_text();
    let seed = secret.rsplit_once('+').unwrap().1;
    assert!(!format!("{one:?}").contains(seed));
    assert_eq!(SigningKey::parse(&secret).unwrap().verifier(), one.verifier());
}

#[test]
fn keys_that_were_cut_or_edited_are_refused() {
    let check = |text: &str, expected: &str| {
        let error = text.parse::<VerifierKey>().unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    };
    check("", "no verifier key");
    check(&EXAMPLE_KEY[1..], "its id is 530d903a");
    check(&EXAMPLE_KEY.replace("530d903a", "530D903A"), "no verifier key");
    check(&EXAMPLE_KEY.replace("Aeky", "Aekz"), "its id is 530d903a");
    check(&EXAMPLE_KEY[..EXAMPLE_KEY.len() - 1], "no verifier key");
    check(&EXAMPLE_KEY.replace("+Aek", "+Auk"), "keys of kind 2");
    check("a b+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "names no key");
    check("\u{2003}+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "names no key");
    let wrong = SigningKey::parse(&OTHER_SECRET.replace("c74f20a3", "c74f20a4")).unwrap_err();
    assert!(matches!(wrong, KeyError::Id { .. }), "{wrong}");
    for name in ["", "a b", "a+b", "a\nb"] {
        assert!(matches!(SigningKey::generate(name, Kind::Ed25519), Err(KeyError::Name(_))), "{name}");
    }
}

#[test]
fn key_under_which_anybody_can_sign_is_refused() {
    for public in ["01", "ed", "ec"] {
        let mut bytes = [if public == "01" { 0 } else { 0xff }; 32];
        bytes[0] = hex::decode(public).unwrap()[0];
        for sign in [0x00, 0x80] {
            bytes[31] = if public == "01" { sign } else { 0x7f | sign };
            let weak = VerifierKey::new("weak", Kind::Ed25519, bytes).to_string();
            assert_eq!(weak.parse::<VerifierKey>(), Err(KeyError::Weak), "{weak}");
        }
    }
}

#[test]
fn what_is_no_note_is_refused_with_its_reason() {
    let check = |bytes: &[u8], expected: &str| {
        let error = Note::parse(bytes).unwrap_err().to_string();
        assert!(error.contains(expected), "{}: {error}", String::from_utf8_lossy(bytes));
    };
    let edited = |from: &str, to: &str| EXAMPLE.replace(from, to).into_bytes();
    check(b"", "no blank line");
    check(b"text\n", "no blank line");
    check(b"text\n\n", "does not end with a line");
    check(&EXAMPLE.as_bytes()[..EXAMPLE.len() - 1], "does not end with a line");
    check(&edited("Uw2Q", "Uw2"), "is no signature");
    check(&edited("\u{2014}", "-"), "is no signature");
    check(&edited("aQM=", "aQN="), "is no signature");
    check(&edited("example.com/foo ", ""), "is no signature");
    check(&edited("This", "Th\ris"), "control character");
    check(&edited("aQM=\n", "aQM=\r\n"), "is no signature");
    check(b"\xff\n\n\xe2\x80\x94 a AAAAAAA=\n", "not UTF-8");
    check(&vec![b'a'; BYTES_BEYOND], "more than");
    let line = EXAMPLE.rsplit_once("\n\n").unwrap().1;
    let lines = |many: usize| {
        let each = (0..many).map(|signer| line.replace("example.com/foo", &format!("example.com/{signer}")));
        format!("a\n\n{}", each.collect::<String>())
    };
    check(lines(101).as_bytes(), "more than 100 signatures");
    assert!(Note::parse(lines(100).as_bytes()).is_ok());
    check(format!("a\n\n{}", line.repeat(2)).as_bytes(), "is there twice");
    assert!(Note::sign("no end", &[&SigningKey::parse(OTHER_SECRET).unwrap()], 0).is_err());
    assert!(Note::sign("nobody\n", &[], 0).is_err());
}

const BYTES_BEYOND: usize = (256 << 10) + 1;

#[test]
fn text_may_have_blank_lines() {
    let secret = SigningKey::parse(OTHER_SECRET).unwrap();
    for text in ["\n", "a\n\nb\n", "a\n\n", "\n\n\n"] {
        let note = Note::sign(text, &[&secret], 0).unwrap();
        assert_eq!(Note::parse(note.to_string().as_bytes()).unwrap(), note, "{text:?}");
    }
}

#[test]
fn one_bad_signature_of_a_known_key_spoils_the_note() {
    let other = SigningKey::parse(OTHER_SECRET).unwrap();
    let stranger = SigningKey::of_seed("stranger", Kind::Ed25519, [7; 32]).unwrap();
    let note = Note::sign("a\n", &[&stranger, &other], 0).unwrap();
    let keys = [other.verifier().clone()];
    assert_eq!(note.verify(&keys).unwrap().len(), 1, "a stranger's signature is passed over");
    let edited = Note::parse(note.to_string().replace("a\n\n", "b\n\n").as_bytes()).unwrap();
    assert!(matches!(edited.verify(&keys), Err(NoteError::BadSignature(_))));
    let of_nobody = [key(EXAMPLE_KEY)];
    assert!(matches!(note.verify(&of_nobody), Err(NoteError::NotSigned(_))));
    assert_eq!(note.signed_by(&of_nobody).unwrap(), []);
    // The same name with another id, or the same id with another name, is another key.
    let twin = SigningKey::of_seed("PeterNeumann", Kind::Ed25519, [8; 32]).unwrap();
    assert!(matches!(note.verify(&[twin.verifier().clone()]), Err(NoteError::NotSigned(_))));
}

#[test]
fn cosignature_is_over_the_time_that_it_says() {
    // The example of the specification of witnesses: its key is not published, so only its form is looked at.
    let line = "\u{2014} witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==";
    let signature = Signature::parse(line).unwrap();
    assert_eq!(cosignature::split(&signature.bytes).unwrap().0, 1_679_315_147);
    assert_eq!(
        cosignature::message(1_679_315_147, "example.com/behind-the-sofa\n20852163\n"),
        b"cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n"
    );

    let secret = SigningKey::of_seed("witness.example/w1", Kind::Ed25519, [9; 32]).unwrap();
    let witness = secret.of_witness();
    assert_ne!(secret.verifier().id(), witness.verifier().id(), "one secret has another id for each kind");
    let note = Note::sign("log\n1\n", &[&witness], 1_700_000_000).unwrap();
    let keys = [witness.verifier().clone()];
    assert_eq!(note.verify(&keys).unwrap(), [Signed { key: &keys[0], time: Some(1_700_000_000) }]);
    let mut later = note.clone();
    later.signatures_mut()[0].bytes[7] += 1;
    assert!(matches!(later.verify(&keys), Err(NoteError::BadSignature(_))));
    let mut cut = note.clone();
    cut.signatures_mut()[0].bytes.pop();
    assert!(matches!(cut.verify(&keys), Err(NoteError::BadSignature(_))));
}
