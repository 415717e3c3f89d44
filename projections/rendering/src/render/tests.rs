use std::process::Command;

use clicktrail_invoices::{Language, Usage};
use clicktrail_log::frame::Digest;

use super::*;
use crate::{paper::paper, sample};

mod orders;

fn files(document: &Document) -> Rendered {
    render(document, &Template::builtin(), &Fonts::builtin()).unwrap_or_else(|error| panic!("{error}"))
}

fn invoice(language: Language, currency: &str, lines: i64) -> Document {
    sample::invoice(&sample::terms(language, currency), &sample::usage(lines, 1)).unwrap()
}

fn named(names: &[&str]) -> Document {
    let campaigns = names.iter().map(|name| ((*name).to_owned(), sample::counts(5, 1)));
    sample::invoice(&sample::terms(Language::English, "EUR"), &Usage { campaigns: campaigns.collect() }).unwrap()
}

/// What every process must come to: of all files together.
fn digest() -> String {
    let [invoice, note] = sample::documents().map(|document| files(&document));
    let all = [invoice.pdf, invoice.ubl.unwrap(), invoice.cii.unwrap(), note.pdf, note.ubl.unwrap(), note.cii.unwrap()];
    Digest::of(&all.concat()).to_string()
}

/// Not a test of its own: what the one below asks another process.
#[test]
#[ignore = "run by the_same_document_gives_the_same_bytes_in_every_process"]
fn prints_its_digest() {
    println!("digest {}", digest());
}

#[test]
fn the_same_document_gives_the_same_bytes_in_every_process() {
    let arguments = ["--exact", "render::tests::prints_its_digest", "--ignored", "--nocapture"];
    let other = Command::new(std::env::current_exe().unwrap()).args(arguments).output().unwrap();
    let said = String::from_utf8(other.stdout).unwrap();
    assert!(said.contains(&digest()), "{said}");
}

/// If this fails, a word, a form, a font, the template, the mapping or a crate below changed what documents look like:
/// raise the layout's version in [`RENDERER`], so that nobody takes the new bytes for the old ones.
#[test]
fn layout_2_makes_these_bytes() {
    assert_eq!(digest(), "b0ca1800f4495e7633106942add98f828320431b872430f651636ee0a9749eb3");
    assert!(RENDERER.ends_with("layout 2"));
}

#[test]
fn the_same_document_gives_the_same_bytes_on_every_thread() {
    let documents = [3, 80, 7].map(|lines| invoice(Language::German, "EUR", lines));
    let alone = documents.each_ref().map(|document| files(document).pdf);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|turn| {
                let documents = &documents;
                scope.spawn(move || documents.each_ref().map(|document| (turn, files(document).pdf)))
            })
            .collect();
        for thread in threads {
            for (alone, (turn, pdf)) in alone.iter().zip(thread.join().unwrap()) {
                assert!(*alone == pdf, "thread {turn} made other bytes");
            }
        }
    });
}

#[test]
fn the_pdf_gives_its_xml_back() {
    for document in sample::documents() {
        let files = files(&document);
        let limits = en16931_formats::zugferd::Limits::default();
        let extracted = en16931_formats::zugferd::extract(&files.pdf, &limits).unwrap();
        assert_eq!(Some(&extracted.xml), files.cii.as_ref());
        assert_eq!(extracted.divergence, []);
        assert_eq!(files.remarks, [""; 0]);
    }
}

#[test]
fn a_currency_that_has_no_xml_still_has_its_paper() {
    for currency in ["KWD", "CLF"] {
        let files = files(&invoice(Language::French, currency, 4));
        assert!(files.pdf.starts_with(b"%PDF-1.7") && files.ubl.is_none() && files.cii.is_none());
        assert!(files.remarks[0].starts_with("no XML: amounts in"), "{:?}", files.remarks);
    }
}

#[test]
fn names_of_every_script_are_set_and_what_no_font_has_is_shown_by_its_code() {
    let scripts = [
        "Ελληνικά Кириллица Tiếng Việt",
        "שלום עולם",
        "حملة الربيع ٢٠٢٦",
        "春节促销",
        "スプリングセール",
        "봄 세일",
        "वसंत बिक्री",
        "ฤดูใบไม้ผลิ",
        "বসন্ত",
        "தமிழ்",
        "తెలుగు",
        "ಕನ್ನಡ",
        "മലയാളം",
        "සිංහල",
        "ქართული",
        "Հայերեն",
        "አማርኛ",
        "ខ្មែរ",
        "မြန်မာ",
        "ລາວ",
        "ਪੰਜਾਬੀ",
        "ଓଡ଼ିଆ",
        "ગુજરાતી",
        "🚀🔥👍🏽 👨‍👩‍👧 🇩🇪",
        "𝐁𝐨𝐥𝐝 → № ™ €",
        "#let x = [*b*] $x$ @r \\",
    ];
    assert_eq!(files(&named(&scripts)).remarks, [""; 0]);
    let rendered = files(&named(&["a\u{13000}", "b\u{e000}", "c\u{202e}\u{0}"]));
    assert_eq!(rendered.remarks, ["the PDF shows by its code what no font has, so add a font: U+E000, U+13000"]);
    // A letter and a mark that no single font has.
    assert_eq!(files(&named(&["क\u{301}", "ก\u{5b0}x", "\u{301}", "中\u{e31}"])).remarks, [""; 0]);
}

#[test]
fn totals_of_nothing_and_below_it_are_rendered() {
    let mut terms = sample::terms(Language::Spanish, "EUR");
    terms.minimums.clear();
    let nothing = sample::invoice(&terms, &Usage::default()).unwrap();
    assert_eq!(nothing.draft.bill.total, 0);
    files(&nothing);
    // No bill of a whole is below zero; whoever makes one may still see it.
    let [mut below, note] = sample::documents();
    below.draft.bill = note.draft.bill;
    assert!(below.draft.bill.total < 0);
    files(&below);
}

#[test]
fn a_document_is_checked_before_it_is_rendered() {
    let [mut invoice, note] = sample::documents();
    assert!(check(&invoice).is_ok() && check(&note).is_ok());
    invoice.draft.seller.tax_id = None;
    assert!(matches!(check(&invoice), Err(Error::Rules(_))));
    assert!(matches!(render(&invoice, &Template::builtin(), &Fonts::builtin()), Err(Error::Rules(_))));
    assert!(check(&self::invoice(Language::English, "KWD", 2)).is_ok(), "there is no XML that could break a rule");
}

#[test]
fn another_program_reads_the_same_amounts() {
    let [invoice, credit] = sample::documents();
    let debit = sample::correction(&invoice, &sample::usage(9, 2)).unwrap();
    let yen = self::invoice(Language::French, "JPY", 70);
    // The script needs nothing but Python's own library.
    let python = std::env::var("CLICKTRAIL_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/render/read_back.py");
    for document in [invoice, credit, debit, yen] {
        let folder = tempfile::tempdir().unwrap();
        let files = files(&document);
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
        write("document.json", &document.canonical());
        write("document.pdf", &files.pdf);
        write("document.ubl.xml", &files.ubl.unwrap());
        write("document.cii.xml", &files.cii.unwrap());
        let output = Command::new(&python).arg(script).arg(folder.path()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && output.stdout == b"agrees\n", "{}: {said}", document.name());
    }
}

/// A change of these is a new version of the layout: documents pin it.
#[test]
fn the_renderers_version_stands_for_its_parts() {
    let manifest = include_str!("../../../../Cargo.toml");
    for (name, version) in [("typst", "=0.15.1"), ("en16931", "=0.8.0")] {
        assert!(manifest.lines().any(|line| line.starts_with(name) && line.contains(version)), "{name} {version}");
        assert!(RENDERER.contains(&format!("{name} {}", version.trim_start_matches('='))), "{RENDERER}");
    }
    assert_eq!(renderer(&Fonts::builtin()), RENDERER);
}

/// How long documents of a few lines take, where `CLICKTRAIL_SPEED` says how many.
#[test]
fn speed() {
    let Some(count) = std::env::var("CLICKTRAIL_SPEED").ok().and_then(|count| count.parse::<i64>().ok()) else {
        return;
    };
    let document = |number: i64| {
        let campaigns = (0..5).map(|line| (format!("campaign-{number}-{line}"), sample::counts(number * 5 + line, 1)));
        let mut terms = sample::terms(Language::English, "EUR");
        terms.customer.name = format!("Customer {number} Ltd.");
        sample::invoice(&terms, &Usage { campaigns: campaigns.collect() }).unwrap()
    };
    files(&document(0));
    let part = |what: &str, run: &dyn Fn(i64)| {
        let began = std::time::Instant::now();
        (1..=count).for_each(run);
        println!("{what}: {:?} each", began.elapsed() / u32::try_from(count).unwrap());
    };
    let documents: Vec<_> = (0..=count).map(document).collect();
    let at = |number: i64| &documents[usize::try_from(number).unwrap()];
    let template = Template::builtin();
    part("paper", &|number| drop(paper(at(number), template.source(), &Fonts::builtin()).unwrap()));
    part("xml", &|number| drop(einvoice::write(at(number)).unwrap()));
    part("all", &|number| drop(files(at(number))));
    let began = std::time::Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..2 {
            scope.spawn(move || (1..=count).for_each(|number| drop(files(at(number * 2 % count + thread % 2)))));
        }
    });
    println!("two threads: {:?} each", began.elapsed() / u32::try_from(2 * count).unwrap());
}

/// Writes what a person looks at, where `CLICKTRAIL_LOOK` names a folder.
#[test]
fn look() {
    let Ok(folder) = std::env::var("CLICKTRAIL_LOOK") else { return };
    let write = |name: &str, document: &Document| {
        let began = std::time::Instant::now();
        let files = files(document);
        println!("{name} {files:?} {:?}", began.elapsed());
        std::fs::write(format!("{folder}/{name}.pdf"), &files.pdf).unwrap();
        std::fs::write(format!("{folder}/{name}.json"), document.canonical()).unwrap();
        for (kind, xml) in [("ubl", &files.ubl), ("cii", &files.cii)] {
            if let Some(xml) = xml {
                std::fs::write(format!("{folder}/{name}.{kind}.xml"), xml).unwrap();
            }
        }
    };
    for (name, lines, language, currency) in [
        ("3", 3, Language::English, "EUR"),
        ("60", 60, Language::German, "EUR"),
        ("2000", 2000, Language::French, "EUR"),
        ("200k", 200_000, Language::English, "EUR"),
        ("jpy", 5, Language::Spanish, "JPY"),
        ("kwd", 5, Language::English, "KWD"),
        ("clf", 5, Language::German, "CLF"),
    ] {
        let document = invoice(language, currency, lines);
        write(name, &document);
        let fewer = sample::correction(&document, &sample::usage(lines - 1, 1)).unwrap();
        write(&format!("{name}-note"), &fewer);
    }
    let long = "W".repeat(200);
    let names =
        ["שלום עולם 12 abc", "حملة الربيع", "春节促销 活动", long.as_str(), "क\u{301}", "\u{202e}evil", "🚀 👍🏽"];
    write("names", &named(&names));
}
