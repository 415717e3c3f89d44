use std::time::Instant;

use super::*;
use crate::template::Template;

fn page() -> Page {
    let date = NaiveDate::from_ymd_opt(2026, 4, 1).unwrap();
    Page { json: b"{\"a\": 1}".to_vec(), rows: 0, patience: patience(0), date, ident: "an id".to_owned() }
}

/// What a template that nobody tried comes to.
fn set(text: &str) -> Result<Outcome, Error> {
    pdf(Template::untried(text).source(), &page(), &Fonts::builtin())
}

#[track_caller]
fn refused(text: &str, line: Option<usize>, problem: &str) {
    match set(text).unwrap_err() {
        Error::Template { line: found, problem: said } => {
            assert_eq!(found, line, "{said}");
            assert!(said.contains(problem), "{said}");
        }
        other => panic!("{other}"),
    }
}

#[test]
fn an_error_names_the_line_and_what_is_wrong() {
    refused("= Title\n\n#foo()\n", Some(3), "unknown variable: foo");
    refused("#let sheet = json(\"invoice.json\")\n#sheet.b\n", Some(2), "dictionary does not contain key \"b\"");
    refused("#let f(x) = {\n  x + \"\"\n}\n#f(1)", Some(2), "cannot add integer and string");
    refused("#(", Some(1), "unclosed delimiter");
    refused("#panic(\"no\")", Some(1), "panicked with: no");
    refused("#while true {}", Some(1), "condition is always true");
    refused("#let f() = f()\n#f()", Some(1), "maximum function call depth exceeded");
}

#[test]
fn a_template_reads_its_sheet_and_nothing_else() {
    assert!(matches!(set("#json(\"invoice.json\").a"), Ok(Outcome::Pdf(_))));
    refused("#read(\"/etc/passwd\")", Some(1), "the file etc/passwd is not there");
    refused("#read(\"../invoice.typ\")", Some(1), "");
    refused("\n#import \"@preview/cetz:0.4.0\": canvas", Some(2), "the package @preview/cetz:0.4.0 is not there");
    refused("#image(\"logo.png\")", Some(1), "a template can read invoice.json and nothing else");
    refused("#datetime.today()", Some(1), "unable to get the current date");
}

#[test]
fn a_template_that_does_not_end_is_given_up() {
    let page = Page { patience: Duration::from_millis(50), ..page() };
    let counts = "#let x = 0\n#for i in range(3000) { for j in range(3000) { x += 1 } }\n#x";
    let began = Instant::now();
    let error = pdf(Template::untried(counts).source(), &page, &Fonts::builtin()).unwrap_err();
    assert!(matches!(error, Error::TooSlow(_)), "{error}");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    // The next one is set all the same.
    assert!(matches!(set("a"), Ok(Outcome::Pdf(_))));
}

#[test]
fn a_template_that_makes_a_book_of_it_is_refused() {
    let error = set("#for i in range(1001) { pagebreak() }").unwrap_err();
    assert!(matches!(error, Error::TooManyPages { pages: 1002, max: PAGES_MAX }), "{error}");
}

#[test]
fn a_text_without_a_sign_is_told_and_never_set() {
    let outcome = set("#set text(font: \"Noto Sans Thai\", fallback: false)\nabc");
    assert!(matches!(&outcome, Ok(Outcome::Unshown(text)) if text == "a"), "{outcome:?}");
}

#[test]
fn a_letter_that_is_dropped_beside_its_mark_is_told() {
    let outcome = set("#set text(font: (\"Noto Sans\", \"Noto Sans Devanagari\"))\nab क\u{301}");
    assert!(matches!(&outcome, Ok(Outcome::Unshown(text)) if text == "क\u{301}"), "{outcome:?}");
    assert!(matches!(set("e\u{301} é क"), Ok(Outcome::Pdf(_))));
}

#[test]
fn a_pdf_has_the_documents_date_and_no_other() {
    let Outcome::Pdf(pdf) = set("a").unwrap() else { panic!("it is set") };
    let text = String::from_utf8_lossy(&pdf);
    assert!(text.contains("<xmp:CreateDate>2026-04-01T00:00:00+00:00</xmp:CreateDate>"));
    assert!(text.contains("<pdfaid:part>3</pdfaid:part>"));
}
