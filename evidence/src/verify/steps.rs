//! The order of the steps.

use std::collections::BTreeSet;

use super::{
    counting::{Way, count},
    dossier::Dossier,
    failure::Failure,
    issued, logged,
    opened::Opened,
    pricing, promise,
    report::Report,
    rows, signed,
    signed::Trust,
    standing_on,
    subject::Scope,
    verdicts, words,
};
use crate::{
    bundle::{contents::Kind, names, zip::Source},
    hash::Hash,
};

/// Checks a bundle. The report says what was proved, and what was not, whatever came out.
pub fn verify(source: &dyn Source, trust: &Trust) -> Report {
    let mut report = Report::new();
    let outcome = run(source, trust, &mut report);
    words::never_proven(&mut report);
    report.closed(outcome)
}

/// Checks a bundle, and then whether what a receipt promised was kept.
pub fn verify_receipt(source: &dyn Source, trust: &Trust, receipt: &[u8]) -> Report {
    let mut report = Report::new();
    let outcome = run(source, trust, &mut report).and_then(|()| promise::check(source, trust, receipt, &mut report));
    words::never_proven(&mut report);
    report.closed(outcome)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the second thread only reads, and what both find is the same in any order"
)]
fn run(source: &dyn Source, trust: &Trust, report: &mut Report) -> Result<(), Failure> {
    let opened = Opened::open(source)?;
    report.subject = words::subject(&opened.contents.subject);
    let digests = opened.digests();
    // Reading all bytes takes as long as proving what they say. A file that is damaged is named first, whatever else
    // came of it.
    let (digests, outcome) = std::thread::scope(|scope| {
        let digests = scope.spawn(digests);
        let outcome = prove(&opened, trust, report);
        (digests.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), outcome)
    });
    if digests.is_err() {
        report.forget();
    }
    digests.and(outcome)
}

fn prove(opened: &Opened<'_>, trust: &Trust, report: &mut Report) -> Result<(), Failure> {
    let subject = &opened.contents.subject;
    words::opened(report, opened);
    let head = signed::check(opened, trust)?;
    words::signed(report, &head, trust);
    let logged = logged::check(opened, &head)?;
    words::logged(report, &logged);
    let dossier = match subject.kind {
        Kind::Invoice => Some(Dossier::read(opened, &logged)?),
        Kind::Events | Kind::Event => None,
    };
    issued::check_handed_in(dossier.as_ref(), trust)?;
    let stands_on = dossier.as_ref().map_or(Ok(0), |dossier| standing_on::check(opened, &head, dossier))?;
    // What nobody issued costs no more than this.
    let found = dossier.as_ref().map(|dossier| {
        words::documents(report, dossier);
        issued::check(opened, &logged.issued, dossier, trust)
    });
    let found = found.transpose()?;
    let scope = Scope::of(subject, dossier.as_ref());
    scope.check_clicks(&logged)?;
    let horizon = dossier.as_ref().and_then(Dossier::horizon);
    scope.check_verdicts(&logged, horizon)?;
    let rows = rows::check(opened, &logged.clicks, &scope)?;
    words::rows(report, &scope, &rows, opened.contents.personal.is_some());
    let verdicts = verdicts::check(opened, &logged.verdicts, &rows.events)?;
    words::verdicts(report, &verdicts);
    let digests = dossier.as_ref().map_or_else(Vec::new, bases_in_order);
    let places: Vec<String> = digests.iter().map(names::basis).collect();
    let ways: Vec<Way<'_>> = match &dossier {
        Some(dossier) => {
            let bases = digests.iter().zip(&places);
            bases.map(|(digest, place)| Way::of_basis(place, &dossier.bases[digest], &logged)).collect()
        }
        None => vec![Way::of_all(&logged.clicks)],
    };
    let counted = count(opened, &rows, &verdicts.all, &ways, logged.clicks.len())?;
    let sums = &counted.sums;
    words::counted(report, dossier.as_ref(), &rows, sums.last())?;
    if let Some(dossier) = &dossier {
        words::known(report, dossier, counted.otherwise);
        let campaigns = scope.campaigns.as_deref();
        let priced = pricing::check(dossier, &logged, &rows, &digests, sums, campaigns)?;
        words::priced(report, dossier, &priced, stands_on);
        words::issued(report, found.unwrap_or_default());
    }
    opened.expect_all_used()
}

/// The bases, each once, that of the last document at the end: by that one the derivation goes.
fn bases_in_order(dossier: &Dossier) -> Vec<Hash> {
    let mut seen = BTreeSet::new();
    let pinned = dossier.documents.iter().rev().map(|document| document.pins.basis);
    let mut order: Vec<Hash> = pinned.filter(|digest| seen.insert(*digest)).collect();
    order.reverse();
    order
}
