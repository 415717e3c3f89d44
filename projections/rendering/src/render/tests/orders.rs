//! Threads and results of typesetting are kept from one document to the next: whatever came before, and whatever is
//! made beside it, a document has the same bytes.

use std::{collections::BTreeMap, time::Duration};

use super::*;
use crate::typeset::{self, Page};

/// What is rendered in turn.
#[derive(Debug, Clone, Copy)]
enum Turn {
    /// A document by a template, by their numbers.
    Rendered(usize, usize),
    /// A template that is wrong, breaks rules, or does not end.
    Wrong(usize),
}

/// Documents that differ in language, size, currency and names; the last are so long that results are let go.
fn documents() -> Vec<Document> {
    let [made, note] = sample::documents();
    let mut nothing = sample::terms(Language::Spanish, "EUR");
    nothing.minimums.clear();
    vec![
        made,
        note,
        sample::invoice(&nothing, &Usage::default()).unwrap(),
        named(&["שלום עולם", "حملة الربيع ٢٠٢٦", "春节促销", "a\u{202e}\u{0}\"'<&>", "क\u{301}", "#let x = [*b*] $x$"]),
        invoice(Language::French, "JPY", 9),
        invoice(Language::English, "KWD", 4),
        invoice(Language::German, "EUR", 80),
        invoice(Language::German, "EUR", 230),
    ]
}

/// The template that ships, one of another look with the same words, and one that attaches something and counts.
fn templates() -> Vec<Template> {
    let other = Template::builtin().text().replace("size: 9pt", "size: 8.5pt");
    let counts = "#let sheet = json(\"invoice.json\")\n#let c = counter(\"lines\")\n#for line in sheet.lines [#c.step() \
                  #context c.display() #line.name \\ ]\n#pdf.attach(\"terms.txt\", bytes(\"terms of \" + sheet.number), \
                  relationship: \"supplement\", mime-type: \"text/plain\", description: \"terms\")";
    vec![Template::builtin(), Template::untried(&other), Template::untried(counts)]
}

fn wrong(number: usize) {
    let document = sample::documents()[0].clone();
    let fails = |text: &str| {
        render(&document, &Template::untried(text), &Fonts::builtin()).unwrap_err();
    };
    match number {
        0 => fails("#let sheet = json(\"invoice.json\")\n#sheet.nothing"),
        1 => fails("#set text(font: \"Noto Sans Thai\", fallback: false)\n#json(\"invoice.json\").number"),
        2 => fails("#for i in range(1001) { pagebreak() }"),
        _ => {
            let page = Page {
                json: b"{}".to_vec(),
                rows: 0,
                patience: Duration::from_millis(20),
                date: document.issued_on,
                ident: "an id".to_owned(),
            };
            let slow = "#let x = 0\n#for i in range(900) { for j in range(900) { x += 1 } }\n#x";
            let slow = Template::untried(slow);
            // It may end in time on a fast machine.
            drop(typeset::pdf(slow.source(), &page, &Fonts::builtin()));
        }
    }
}

fn bytes_of(document: &Document, template: &Template) -> String {
    let rendered = render(document, template, &Fonts::builtin()).unwrap_or_else(|error| panic!("{error}"));
    let all = [Some(rendered.pdf), rendered.ubl, rendered.cii].map(Option::unwrap_or_default).concat();
    Digest::of(&all).to_string()
}

/// Draws that can be had again: `CLICKTRAIL_TEST_SEED`, or always the same.
struct Draws(u64);

impl Draws {
    fn take() -> Self {
        let given = std::env::var("CLICKTRAIL_TEST_SEED").map(|text| text.parse().expect("a seed is a number"));
        let seed = given.unwrap_or(1);
        println!("CLICKTRAIL_TEST_SEED={seed}");
        Self(seed)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn turns(&mut self) -> Vec<Turn> {
        let turns = 1 + self.below(9);
        let turn = |_| match self.below(7) {
            0 => Turn::Wrong(self.below(4)),
            _ => Turn::Rendered(self.below(8), self.below(3)),
        };
        (0..turns).map(turn).collect()
    }
}

fn rendered(turns: Vec<Turn>, documents: &[Document], templates: &[Template]) -> Vec<(usize, usize, String)> {
    let mut made = Vec::new();
    for turn in turns {
        match turn {
            Turn::Rendered(document, template) => {
                made.push((document, template, bytes_of(&documents[document], &templates[template])));
            }
            Turn::Wrong(number) => wrong(number),
        }
    }
    made
}

#[test]
fn a_document_has_the_same_bytes_in_any_order_and_beside_any_others() {
    let (documents, templates, mut draws) = (documents(), templates(), Draws::take());
    let mut alone: BTreeMap<(usize, usize), String> = BTreeMap::new();
    for round in 0..6 {
        let threads: Vec<Vec<Turn>> = (0..=draws.below(3)).map(|_| draws.turns()).collect();
        let made: Vec<(usize, usize, String)> = std::thread::scope(|scope| {
            let (documents, templates) = (&documents, &templates);
            let work = |turns: &Vec<Turn>| {
                let turns = turns.clone();
                scope.spawn(move || rendered(turns, documents, templates))
            };
            let working: Vec<_> = threads.iter().map(work).collect();
            working.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        for (document, template, bytes) in made {
            let alone = alone.entry((document, template)).or_insert_with(|| {
                // Nothing is left of what was set before.
                comemo::evict(0);
                bytes_of(&documents[document], &templates[template])
            });
            assert_eq!(*alone, bytes, "document {document} by template {template} in round {round}: {threads:?}");
        }
    }
}
