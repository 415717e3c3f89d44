use std::{
    collections::BTreeSet,
    ops::Range,
    sync::atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use bytes::Bytes;
use clicktrail_catalog::invoicing::{AccountPeriod, DocumentFilter, DraftFilter, NewTerms};
use clicktrail_invoices::{Bill, PeriodName, Seller, Terms, bill};
use clicktrail_log::{
    embedded::EmbeddedLog,
    frame::Digest,
    log::Stream,
    time::{Clock as _, ManualClock, Timestamp},
};
use futures::stream::BoxStream;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result as StoreResult, path::Path,
};

use super::*;
use clicktrail_invoices::document::Document;

use crate::{
    chain,
    correct::{Asked, Correcting, Correction},
    counted::Origin,
    drafting::outcome::Became,
    making::Forms,
    paper::Plain,
    regenerate::Regenerating,
    testing::{Bed, Click, click, hour, time},
};

const TERMS: &str = include_str!("../../../../examples/accounts/acme.toml");
const SELLER: &str = include_str!("../../../../examples/accounts/seller.toml");

/// A store that takes so many objects more and then is full.
#[derive(Debug)]
struct Full {
    store: Arc<dyn ObjectStore>,
    room: AtomicU64,
}

impl std::fmt::Display for Full {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {}", self.room.load(Ordering::SeqCst), self.store)
    }
}

#[async_trait]
impl ObjectStore for Full {
    async fn put_opts(&self, at: &Path, payload: PutPayload, options: PutOptions) -> StoreResult<PutResult> {
        let left = self.room.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |room| room.checked_sub(1));
        match left {
            Ok(_) => self.store.put_opts(at, payload, options).await,
            Err(_) => Err(object_store::Error::Generic { store: "full", source: "no space left on device".into() }),
        }
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        options: PutMultipartOptions,
    ) -> StoreResult<Box<dyn MultipartUpload>> {
        self.store.put_multipart_opts(at, options).await
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> StoreResult<GetResult> {
        self.store.get_opts(at, options).await
    }

    async fn get_ranges(&self, at: &Path, ranges: &[Range<u64>]) -> StoreResult<Vec<Bytes>> {
        self.store.get_ranges(at, ranges).await
    }

    fn delete_stream(&self, at: BoxStream<'static, StoreResult<Path>>) -> BoxStream<'static, StoreResult<Path>> {
        self.store.delete_stream(at)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        self.store.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> StoreResult<ListResult> {
        self.store.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> StoreResult<()> {
        self.store.copy_opts(from, to, options).await
    }
}

pub(crate) async fn add(bed: &Bed, text: &str) {
    let terms = Terms::from_toml(text, "terms.toml").unwrap();
    let row = NewTerms {
        advertiser_id: terms.advertiser_id.clone(),
        valid_from: terms.valid_from.to_string(),
        text: terms.canonical(),
        digest: terms.digest().to_string(),
    };
    bed.catalog.put_terms(&[row], "ann", time("2026-01-01T00:00:00Z")).await.unwrap();
}

/// The example's terms in UTC, with amounts that few clicks reach.
pub(crate) fn terms() -> String {
    let text =
        TERMS.replace("Europe/Berlin", "UTC").replace("\"5000.00\"", "\"0.60\"").replace("\"100.00\"", "\"0.40\"");
    assert!(text.contains("UTC"));
    text
}

/// A month with clicks in two campaigns, and who bills and is billed.
pub(crate) async fn bed() -> Bed {
    let mut bed = Bed::new(hour("2026-03-31T22")).await;
    let of = |campaign, at| Click { campaign, ..click(at) };
    let clicks = [of("spring", "2026-03-31T22:10:00Z"), of("brand", "2026-03-31T22:20:00Z")];
    bed.hour("2026-03-31T22", &clicks).await;
    bed.hour("2026-03-31T23", &[]).await;
    let seller = Seller::from_toml(SELLER, "seller.toml").unwrap();
    let (from, text, digest) = (seller.valid_from.to_string(), seller.canonical(), seller.digest().to_string());
    bed.catalog.put_seller(&from, &text, &digest, "ann", time("2026-01-01T00:00:00Z")).await.unwrap();
    add(&bed, &terms()).await;
    bed
}

fn march() -> PeriodName {
    "2026-03".parse().unwrap()
}

fn about() -> AccountPeriod {
    AccountPeriod { period: "2026-03".to_owned(), advertiser_id: "acme".to_owned(), currency: "EUR".to_owned() }
}

pub(crate) async fn approved(bed: &Bed) -> Vec<Draft> {
    let now = time("2027-01-01T00:00:00Z");
    let open = bed.catalog.drafts(&DraftFilter::default(), "", 100).await.unwrap();
    let open: Vec<_> = open.into_iter().filter(|draft| draft.state == DraftState::Draft).collect();
    let named: Vec<DraftRevision> = open.iter().map(|draft| draft.revision.clone()).collect();
    bed.catalog.approve(&named, "ann", now).await.unwrap();
    let filter = DraftFilter { state: Some(DraftState::Approved), ..DraftFilter::default() };
    bed.catalog.drafts(&filter, "", 100).await.unwrap()
}

pub(crate) struct Desk {
    pub(crate) issuing: Issuing,
    _directory: tempfile::TempDir,
}

pub(crate) async fn desk(bed: &Bed, archive: Archive) -> Desk {
    desk_with(bed, archive, Arc::new(Plain)).await
}

pub(crate) async fn desk_with(bed: &Bed, archive: Archive, paper: Arc<dyn Paper>) -> Desk {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(time("2027-01-01T12:00:00Z")));
    let path = directory.path().join("invoices.sqlite");
    let log = EmbeddedLog::open(&path, Stream::Invoices, Arc::clone(&clock) as Arc<_>).await.unwrap();
    let issuing = Issuing {
        archive,
        catalog: Arc::clone(&bed.catalog),
        log: Arc::new(log),
        paper,
        clock,
        actor: "ann".to_owned(),
        threads: 2,
        allow_overlap: false,
    };
    Desk { issuing, _directory: directory }
}

pub(crate) async fn draft(bed: &Bed) {
    let outcome = bed.drafting().draft(march(), None).await.unwrap();
    assert!(outcome.drafted.iter().all(|drafted| drafted.became != Became::Issued), "{outcome:?}");
    assert!(outcome.left_out.is_empty(), "{:?}", outcome.left_out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_disk_leaves_nothing_half_issued_and_what_is_issued_is_finished_later() {
    for room in 0..8 {
        let bed = bed().await;
        draft(&bed).await;
        let drafts = approved(&bed).await;
        let full = Full { store: bed.archive.object_store(), room: AtomicU64::new(room) };
        let refused = desk(&bed, Archive::from_store(Arc::new(full))).await;
        let outcome = refused.issuing.issue(drafts, |_| {}).await;
        let next = bed.catalog.next_number("INV").await.unwrap().number;
        // JSON, CSV and Parquet come first, then the number, then its record.
        match room {
            0..3 => assert!(outcome.failed.is_some() && outcome.issued.is_empty() && next == 1, "{room}: {outcome:?}"),
            3 => assert!(outcome.unfinished.is_some() && outcome.issued.len() == 1 && next == 2, "{outcome:?}"),
            _ => assert!(outcome.unfinished.is_none() && outcome.issued.len() == 1, "{room}: {outcome:?}"),
        }
        let catalog = Arc::clone(&bed.catalog);
        let finisher = Finisher::new(bed.archive.clone(), catalog, &refused.issuing.log);
        assert_eq!(finisher.finish().await.unwrap().documents, u64::from(room == 3), "{room}");
        assert_eq!(finisher.finish().await.unwrap().documents, 0);
        if room < 3 {
            let drafts = approved(&bed).await;
            let room_again = desk(&bed, bed.archive.clone()).await;
            assert_eq!(room_again.issuing.issue(drafts, |_| {}).await.issued.len(), 1, "there is room again");
        }
        assert_eq!(bed.archive.issued().await.unwrap().len(), 1);
        let first = DocumentNumber { series: "INV".to_owned(), number: 1 };
        let link = chain::link(&bed.archive, bed.catalog.as_ref(), &first).await.unwrap().unwrap();
        assert!(link.issued.logged.is_some());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disk_that_fills_up_between_chunks_costs_no_number_and_no_record() {
    const DRAFTS: usize = 3 * CHUNK;
    // Three forms and a record of each.
    for room in (0..=4 * DRAFTS).step_by(13) {
        let bed = bed().await;
        for number in 1..DRAFTS {
            add(&bed, &terms().replace("\"acme\"", &format!("\"account-{number:02}\""))).await;
        }
        draft(&bed).await;
        let full = Full { store: bed.archive.object_store(), room: AtomicU64::new(room as u64) };
        let refused = desk(&bed, Archive::from_store(Arc::new(full))).await;
        let outcome = refused.issuing.issue(approved(&bed).await, |_| {}).await;
        let is_whole = outcome.failed.is_none() && outcome.unfinished.is_none();
        assert!(!is_whole || outcome.issued.len() == DRAFTS, "{room}: {outcome:?}");
        assert_eq!(outcome.issued.len() % CHUNK, 0, "{room}: a chunk is one transaction");

        let issuing = desk(&bed, bed.archive.clone()).await.issuing;
        let finisher = Finisher::new(bed.archive.clone(), Arc::clone(&bed.catalog), &refused.issuing.log);
        assert!(finisher.finish().await.unwrap().is_whole(), "{room}");
        let again =
            Issuing { log: Arc::clone(&refused.issuing.log), ..issuing }.issue(approved(&bed).await, |_| {}).await;
        assert_eq!(again.issued.len(), DRAFTS - outcome.issued.len(), "{room}: there is room again: {again:?}");
        let numbers = outcome.issued.iter().chain(&again.issued).map(|document| document.number.number as usize);
        assert_eq!(numbers.collect::<Vec<_>>(), (1..=DRAFTS).collect::<Vec<_>>(), "{room}");
        assert_eq!(bed.archive.issued().await.unwrap().len(), DRAFTS, "{room}");
        assert_eq!(bed.catalog.not_logged(None, 10).await.unwrap().len(), 0, "{room}");
    }
}

/// What sets the pages breaks down on one document.
#[derive(Debug)]
struct Brittle;

impl Paper for Brittle {
    fn forms(&self, document: &Document, _template: Option<&[u8]>) -> Result<Forms, Error> {
        assert!(document.draft.advertiser_id != "account-01", "a glyph without an outline");
        Ok((Vec::new(), Vec::new()))
    }

    fn renderer(&self) -> &str {
        "brittle"
    }

    fn chosen(&self) -> Option<Digest> {
        None
    }

    fn template(&self, _digest: &Digest) -> Option<Bytes> {
        None
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn document_on_which_its_maker_breaks_down_is_left_and_the_others_are_issued_without_a_gap() {
    let bed = bed().await;
    for number in 0..3 {
        add(&bed, &terms().replace("\"acme\"", &format!("\"account-{number:02}\""))).await;
    }
    draft(&bed).await;
    let desk = desk_with(&bed, bed.archive.clone(), Arc::new(Brittle)).await;
    let outcome = desk.issuing.issue(approved(&bed).await, |_| {}).await;
    assert!(outcome.failed.is_none() && outcome.finished.is_whole(), "{outcome:?}");
    let numbers: Vec<u32> = outcome.issued.iter().map(|document| document.number.number).collect();
    assert_eq!(numbers, [1, 2, 3]);
    let [(left, why)] = &outcome.left[..] else { panic!("{:?}", outcome.left) };
    assert_eq!(left.id, "2026-03.account-01.EUR");
    assert!(why.contains("broke down") && why.contains("a glyph without an outline"), "{why}");
}

/// What the log would refuse is found before a number is given, because afterwards nobody could log it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn document_that_the_log_would_refuse_takes_no_number() {
    let bed = bed().await;
    draft(&bed).await;
    let desk = desk(&bed, bed.archive.clone()).await;
    let issuing = Issuing { actor: "a".repeat(1_025), ..desk.issuing.clone() };
    let outcome = issuing.issue(approved(&bed).await, |_| {}).await;
    assert!(outcome.issued.is_empty() && outcome.failed.is_none() && outcome.unfinished.is_none(), "{outcome:?}");
    let [(_, why)] = &outcome.left[..] else { panic!("{:?}", outcome.left) };
    assert!(why.contains("actor has 1025 bytes"), "{why}");
    assert_eq!(bed.catalog.next_number("INV").await.unwrap().number, 1);
}

/// Texts are held a chunk at a time, and a chunk has so many bytes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chunk_is_bounded_by_bytes() {
    let bed = bed().await;
    draft(&bed).await;
    let [draft] = &approved(&bed).await[..] else { panic!("one draft") };
    let of = |bytes: &[u64]| {
        let drafts = bytes.iter().map(|bytes| Draft { text_bytes: *bytes, ..draft.clone() });
        first_of(&drafts.collect(), CHUNK)
    };
    assert_eq!(of(&[1_000; 300]), CHUNK);
    assert_eq!(of(&[CHUNK_BYTES / 2, CHUNK_BYTES / 2, 1]), 2);
    assert_eq!(of(&[CHUNK_BYTES + 1, 1]), 1, "a larger one is a chunk of its own");
    assert_eq!(of(&[1, CHUNK_BYTES]), 1);
}

/// Documents that are issued at the same time, in one process: numbers have no gap, and each draft has one.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn issuers_at_the_same_time_share_the_numbers() {
    let bed = bed().await;
    for number in 0..30 {
        let minimum = terms().replace("\"acme\"", &format!("\"account-{number:02}\""));
        add(&bed, &minimum).await;
    }
    draft(&bed).await;
    let drafts = approved(&bed).await;
    assert_eq!(drafts.len(), 31, "a minimum is owed without a click");
    let desk = desk(&bed, bed.archive.clone()).await;
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (issuing, drafts) = (desk.issuing.clone(), drafts.clone());
        running.spawn(async move { issuing.issue(drafts, |_| {}).await });
    }
    // Two that make the very same documents issue them once, and both are told so.
    let mut numbers = BTreeSet::new();
    while let Some(outcome) = running.join_next().await {
        let outcome = outcome.unwrap();
        assert!(outcome.failed.is_none() && outcome.unfinished.is_none(), "{outcome:?}");
        numbers.extend(outcome.issued.into_iter().map(|document| document.number.number));
        assert!(outcome.left.iter().all(|(_, why)| why == "somebody else issued it"), "{:?}", outcome.left);
    }
    assert_eq!(numbers, (1..=31).collect::<BTreeSet<u32>>());
    let issued = crate::correct::documents(bed.catalog.as_ref(), &DocumentFilter::default()).await.unwrap();
    let drafts: BTreeSet<DraftRevision> = issued.iter().map(|document| document.draft.clone()).collect();
    assert_eq!((issued.len(), drafts.len()), (31, 31), "each draft has one number");
    assert_eq!(desk.issuing.catalog.not_logged(None, 10).await.unwrap().len(), 0);
}

fn correcting(bed: &Bed) -> Correcting {
    let now = desk_time();
    Correcting { checking: bed.checking(), threads: 2, actor: "ann".to_owned(), now }
}

fn desk_time() -> Timestamp {
    ManualClock::new(time("2027-01-01T12:00:00Z")).now()
}

/// What all documents of the account come to, less what the period comes to now.
async fn rest(bed: &Bed) -> Bill {
    let links = chain::of(&bed.archive, bed.catalog.as_ref(), &about()).await.unwrap();
    let last = &links.last().unwrap().document.draft;
    let basis = crate::compose::basis(&bed.archive, &last.pins.basis).await.unwrap();
    let counted = crate::counted::Counted {
        archive: &bed.archive,
        origin: Origin::Raw(&bed.history),
        advertiser: "acme",
        currency: "EUR",
    };
    let whole = bill(&counted.whole(&basis).await.unwrap(), &last.terms, last.bill.currency).unwrap();
    let issued: Vec<Bill> = links.iter().map(|link| link.document.draft.bill.clone()).collect();
    whole.minus(&issued).unwrap()
}

/// Late clicks go over a cap and a minimum, in both campaigns and a new one; terms change; each time a note is issued.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invoice_and_notes_are_the_rounded_truth_over_caps_discounts_and_minimums() {
    let mut bed = bed().await;
    draft(&bed).await;
    let desk = desk(&bed, bed.archive.clone()).await;
    desk.issuing.issue(approved(&bed).await, |_| {}).await;
    assert!(rest(&bed).await.is_nothing());
    let of = |campaign, price_micros| Click { campaign, price_micros, ..click("2026-03-31T10:00:00Z") };
    let steps: [(&str, &[Click]); 4] = [
        ("2026-04-01T01", &[of("spring", 333_333), of("spring", 1)]),
        ("2026-04-01T02", &[of("brand", 399_999), of("brand", 5_000)]),
        ("2026-04-01T03", &[of("brand", 777_777), of("autumn", 1_004_999)]),
        ("2026-04-01T04", &[of("spring", 0)]),
    ];
    for (number, (logged, clicks)) in (1..).zip(steps) {
        bed.hour(logged, clicks).await;
        add(&bed, &terms().replace("= 1900", &format!("= {}", 100 * number))).await;
        let corrected = correcting(&bed).period("2026-03", &Asked::default(), |_| true).await.unwrap();
        let [(_, Correction::Drafted { note, is_new: true, .. })] = corrected.accounts.as_slice() else {
            panic!("{corrected:?}")
        };
        assert!(note.hours.len() == 1 && note.bill.is_some(), "{note:?}");
        assert_eq!(note.original.as_ref().unwrap().reason.as_str(), "late_events");
        let outcome = desk.issuing.issue(approved(&bed).await, |_| {}).await;
        assert_eq!((outcome.issued.len(), outcome.left.len()), (1, 0), "{outcome:?}");
        assert!(rest(&bed).await.is_nothing(), "{logged}");
        let again = correcting(&bed).period("2026-03", &Asked::default(), |_| true).await.unwrap();
        assert!(matches!(again.accounts.as_slice(), [(_, Correction::Nothing { open: None })]), "{again:?}");
    }
    for number in 1..=4 {
        for origin in [Origin::Segments, Origin::Raw(&bed.history)] {
            let (archive, catalog) = (&bed.archive, bed.catalog.as_ref());
            let regenerating = Regenerating { archive, catalog, paper: &Plain, origin };
            let note = DocumentNumber { series: "CN".to_owned(), number };
            let again = regenerating.run(&note, None).await.unwrap().unwrap();
            assert!(again.findings.is_empty() && again.equal.len() == 3, "CN {number}: {:?}", again.findings);
        }
    }
}
