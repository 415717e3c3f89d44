use super::*;

/// Breaks down on whatever it is given.
#[derive(Debug)]
struct Broken;

impl Paper for Broken {
    fn forms(&self, _document: &Document, _template: Option<&[u8]>) -> Result<Forms, Error> {
        panic!("a glyph without an outline")
    }

    fn renderer(&self) -> &str {
        "broken"
    }

    fn chosen(&self) -> Option<Digest> {
        None
    }

    fn template(&self, _digest: &Digest) -> Option<Bytes> {
        None
    }
}

#[test]
fn what_breaks_down_on_a_document_is_an_error_of_that_document() {
    let text = include_bytes!("../../../../projections/invoices/fixtures/invoice-1.json");
    let document = Document::from_canonical(text).unwrap();
    let broken = Made::of(document.clone(), &Broken, None).unwrap_err();
    assert!(broken.is_of_document() && broken.to_string().ends_with("a glyph without an outline"), "{broken}");
    Made::of(document, &crate::paper::Plain, None).unwrap();
}
