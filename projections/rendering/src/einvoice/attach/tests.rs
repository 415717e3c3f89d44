use clicktrail_invoices::{Document, Language};
use en16931_formats::zugferd::{self, Limits};

use super::*;
use crate::{einvoice::write, fonts::Fonts, paper::paper, sample, template::Template};

fn options() -> EmbedOptions {
    let metadata =
        zugferd::Metadata {
            title: "Invoice 7".to_owned(), subject: "über".to_owned(), author: "Šarūnas".to_owned()
        };
    EmbedOptions { metadata: Some(metadata), modified: Some(std::time::UNIX_EPOCH), ..EmbedOptions::default() }
}

/// The XML goes into the PDF as if all of the PDF had been read for it.
#[track_caller]
fn goes_into(pdf: &[u8], document: &Document) {
    let xml = write(document).unwrap();
    let attached = attach(pdf, &xml.proof, &options()).unwrap();
    assert!(attached == embed(pdf, &xml.proof, &options()).unwrap(), "other bytes");
    assert!(attached.starts_with(pdf));
    assert_eq!(zugferd::extract(&attached, &Limits::default()).unwrap().xml, xml.cii);
}

fn invoice(language: Language, currency: &str, lines: i64) -> Document {
    sample::invoice(&sample::terms(language, currency), &sample::usage(lines, 1)).unwrap()
}

#[test]
fn the_update_is_the_one_that_the_whole_pdf_gets() {
    let fonts = Fonts::builtin();
    let [made, note] = sample::documents();
    let long = [3, 0, 80, 600].map(|lines| invoice(Language::German, "EUR", lines));
    let yen = invoice(Language::French, "JPY", 9);
    for document in [made, note, yen].into_iter().chain(long) {
        let (pdf, _) = paper(&document, Template::builtin().source(), &fonts).unwrap();
        let blank = blank(&pdf).expect("the pages of our template are as they must be");
        assert!(blank.len() == pdf.len() && blank.iter().filter(|byte| **byte == b' ').count() > pdf.len() / 2);
        goes_into(&pdf, &document);
    }
}

/// What a template of an operator's may do that ours does not.
#[test]
fn the_xml_goes_into_the_pdf_of_any_template() {
    let document = invoice(Language::English, "EUR", 2);
    for text in ["= A heading <a>\n#link(<a>)[and a link to it]", "#set document(keywords: (\"a\", \"b\"))\nplain"] {
        let (pdf, _) = paper(&document, Template::untried(text).source(), &Fonts::builtin()).unwrap();
        goes_into(&pdf, &document);
    }
}

/// Terms and figures that an operator sends with each document.
#[test]
fn files_that_a_template_attaches_stay_beside_the_xml() {
    let document = invoice(Language::German, "EUR", 3);
    let files = [("terms.txt", "our terms"), ("zz.csv", "a,b"), ("a/über.txt", "<x>")];
    for count in 1..=files.len() {
        let attach = |(name, text): &(&str, &str)| {
            format!(
                "#pdf.attach(\"{name}\", bytes(\"{text}\"), relationship: \"supplement\", mime-type: \"text/plain\", \
                 description: \"more\")\n"
            )
        };
        let text: String = files[..count].iter().map(attach).chain(["= A heading".to_owned()]).collect();
        let (pdf, _) = paper(&document, Template::untried(&text).source(), &Fonts::builtin()).unwrap();
        assert!(blank(&pdf).is_none(), "what names files is read whole");
        goes_into(&pdf, &document);
        let xml = write(&document).unwrap();
        let attached = attach_whole(&pdf, &xml);
        let found = zugferd::embedded_files(&attached, &Limits::default()).unwrap();
        assert_eq!(found.len(), count + 1, "{:?}", found.keys());
        for (name, text) in &files[..count] {
            assert_eq!(found.get(*name).map(Vec::as_slice), Some(text.as_bytes()), "{:?}", found.keys());
        }
    }
}

fn attach_whole(pdf: &[u8], xml: &crate::einvoice::Xml) -> Vec<u8> {
    attach(pdf, &xml.proof, &options()).unwrap()
}

#[test]
fn what_is_no_such_pdf_is_nothing_that_could_be_left_out() {
    let (pdf, _) =
        paper(&invoice(Language::English, "EUR", 1), Template::builtin().source(), &Fonts::builtin()).unwrap();
    assert!(blank(&pdf).is_some());
    for cut in [0, 1, 9, pdf.len() / 2, pdf.len() - 300, pdf.len() - 20] {
        assert!(blank(&pdf[..cut]).is_none(), "{cut}");
    }
    let replaced = |from: &str, to: &str| {
        let at = first(&pdf, from.as_bytes()).unwrap();
        let mut pdf = pdf.clone();
        pdf[at..at + from.len()].copy_from_slice(to.as_bytes());
        blank(&pdf)
    };
    assert!(replaced("\nxref\n", "\nXref\n").is_none());
    assert!(replaced("\nxref\n0 ", "\nxref\n1 ").is_none());
    assert!(replaced("/Root ", "/Ruut ").is_none());
    assert!(replaced("/ViewerPreferences", "/NamesrPreferences").is_none(), "it may name files");
    assert!(replaced("/Metadata ", "/Metadato ").is_none());
}
