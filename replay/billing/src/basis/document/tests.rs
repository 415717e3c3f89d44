use super::*;

fn basis() -> Basis {
    let from = Hour::parse("2026-05-01T00").unwrap();
    Basis::of_segments(from.start()..from.next().start(), Vec::new())
}

#[test]
fn basis_says_what_was_signed_or_that_nothing_was() {
    let nothing = String::from_utf8(basis().to_bytes()).unwrap();
    assert!(nothing.ends_with("\"without\": [],\n  \"checkpoint\": null\n}\n"), "{nothing}");
    assert_eq!(Basis::from_bytes(nothing.as_bytes()).unwrap().checkpoint(), None);
    let stands = Checkpoint { origin: "logs.example/clicks".to_owned(), size: 7, root: Digest([0xab; 32]) };
    let signed = Basis { checkpoint: Some(Some(stands.clone())), ..basis() };
    let read = Basis::from_bytes(&signed.to_bytes()).unwrap();
    assert_eq!((read.checkpoint(), read.digest()), (Some(&stands), signed.digest()));
    assert_eq!(signed.inputs(), basis().inputs(), "what is summed is the same");
}

#[test]
fn basis_of_version_1_is_read_and_written_again_to_the_byte() {
    let old = Basis { version: VERSION_1, checkpoint: None, ..basis() }.to_bytes();
    let text = String::from_utf8(old.clone()).unwrap();
    assert!(text.starts_with("{\n  \"version\": 1,\n") && text.ends_with("\"without\": []\n}\n"), "{text}");
    let read = Basis::from_bytes(&old).unwrap();
    assert_eq!((read.checkpoint(), read.to_bytes()), (None, old));
    // Neither version takes the other's fields.
    for wrong in
        [text.replace("\"version\": 1", "\"version\": 2"), text.replace("[]\n}", "[],\n  \"checkpoint\": null\n}")]
    {
        assert!(matches!(Basis::from_bytes(wrong.as_bytes()), Err(Error::Contradiction(_))), "{wrong}");
    }
    let later = text.replace("\"version\": 1", "\"version\": 3");
    assert!(matches!(Basis::from_bytes(later.as_bytes()), Err(Error::UnknownVersion(3))));
}
