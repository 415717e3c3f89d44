//! The typesetter: a template and a sheet become a PDF/A-3. The only file that knows typst's world.
//!
//! Nothing is read but what is handed in: no file, no package, no network, no font of the machine, no clock. The same
//! inputs give the same bytes, on every thread and in every process.
//!
//! A template is a program. It runs on a thread of ours, and is given up when its time is over: the next thing that it
//! asks for ends the thread. One that only computes asks for nothing, and its thread goes on until the process ends;
//! the caller is answered all the same.

mod thread;

use std::{
    panic::resume_unwind,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use chrono::{Datelike, NaiveDate};
use typst::{
    Library, LibraryExt, World, WorldExt,
    diag::{FileError, FileResult, SourceDiagnostic},
    foundations::{Bytes, Datetime, Smart},
    layout::{Frame, FrameItem},
    syntax::{FileId, Source, VirtualRoot},
    text::{Font, FontBook, TextItem},
    utils::LazyHash,
};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards, Timestamp};

use crate::{error::Error, fonts::Fonts};
use thread::Ended;

/// Pages of a document. The longest that the template of ours makes has some seventy.
const PAGES_MAX: usize = 1_000;
/// How long a page of a few lines may take, and what each line adds.
const PATIENCE: Duration = Duration::from_secs(30);
const PATIENCE_PER_ROW: Duration = Duration::from_millis(10);
/// Results of setting pages are kept for other pages: what all documents have in common stays. After so many rows those
/// go that nobody asked for since the last time, and those of a long list at once: they are hundreds of megabytes.
const KEPT_ROWS: usize = 400;
const LONG_ROWS: usize = 200;
/// What a page has beside its rows, in rows.
const ROWS_BESIDE: usize = 20;
/// Rows of a table whose parts are marked for those who do not see it. The marks are half of a long list's bytes.
const MARKED_ROWS_MAX: usize = 500;
/// The name under which a template reads its sheet.
const SHEET: &str = "invoice.json";

/// What is set.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    /// What the template reads as `invoice.json`.
    pub(crate) json: Vec<u8>,
    /// How many rows its table has.
    pub(crate) rows: usize,
    /// How long it may take.
    pub(crate) patience: Duration,
    /// The PDF's date.
    pub(crate) date: NaiveDate,
    /// What the PDF's id is made of: the document's digest.
    pub(crate) ident: String,
}

/// What became of a page.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The PDF/A-3b.
    Pdf(Vec<u8>),
    /// A text that no font could show, although each of its characters has one.
    Unshown(String),
}

/// How long so many rows may take.
pub(crate) fn patience(rows: usize) -> Duration {
    PATIENCE.saturating_add(PATIENCE_PER_ROW.saturating_mul(u32::try_from(rows).unwrap_or(u32::MAX)))
}

/// Sets a page.
pub(crate) fn pdf(template: &Source, page: &Page, fonts: &Fonts) -> Result<Outcome, Error> {
    let is_over = Arc::new(AtomicBool::new(false));
    let desk = Desk {
        main: template.clone(),
        sheet: Bytes::new(page.json.clone()),
        fonts: fonts.clone(),
        is_over: Arc::clone(&is_over),
    };
    let options = options(page)?;
    let rows = page.rows;
    let ended = thread::run(page.patience, is_long(rows), move || {
        let outcome = set(&desk, &options);
        forget(rows);
        outcome
    });
    match ended.map_err(|error| Error::Typesetter(format!("it got no thread: {error}")))? {
        Ended::Done(outcome) => outcome,
        Ended::TooSlow => {
            is_over.store(true, Ordering::Relaxed);
            Err(Error::TooSlow(page.patience))
        }
        Ended::Broke(said) => Err(Error::Typesetter(said)),
    }
}

/// Whether the results of setting so many rows are too large to be kept.
const fn is_long(rows: usize) -> bool {
    rows > LONG_ROWS
}

/// Lets results go, once pages of so many rows were set.
fn forget(rows: usize) {
    /// Rows since the last time.
    static SET: AtomicUsize = AtomicUsize::new(0);
    let added = rows.saturating_add(ROWS_BESIDE);
    if is_long(rows) {
        comemo::evict(0);
    } else if SET.fetch_add(added, Ordering::Relaxed).saturating_add(added) >= KEPT_ROWS {
        SET.store(0, Ordering::Relaxed);
        comemo::evict(1);
    }
}

fn options(page: &Page) -> Result<PdfOptions, Error> {
    let refused = |what: &str| Error::Document(format!("{} is no date of a PDF: {what}", page.date));
    let part = |number: u32| u8::try_from(number).map_err(|_| refused("its day"));
    let day = Datetime::from_ymd_hms(page.date.year(), part(page.date.month())?, part(page.date.day())?, 0, 0, 0);
    let standards = PdfStandards::new(&[PdfStandard::A_3b]);
    Ok(PdfOptions {
        ident: Smart::Custom(page.ident.clone()),
        creator: Smart::Custom(Some("clicktrail".to_owned())),
        timestamp: Some(Timestamp::new_utc(day.ok_or_else(|| refused("its year"))?)),
        page_ranges: None,
        standards: standards.map_err(|error| Error::Typesetter(error.message().to_string()))?,
        tagged: page.rows <= MARKED_ROWS_MAX,
        pretty: false,
    })
}

fn set(desk: &Desk, options: &PdfOptions) -> Result<Outcome, Error> {
    let wrong = |errors: &[SourceDiagnostic]| desk.problem(errors);
    let document = typst::compile::<PagedDocument>(desk).output.map_err(|errors| wrong(&errors))?;
    let pages = document.pages().len();
    if pages > PAGES_MAX {
        return Err(Error::TooManyPages { pages, max: PAGES_MAX });
    }
    if let Some(text) = document.pages().iter().find_map(|page| unshown(&page.frame)) {
        return Ok(Outcome::Unshown(text));
    }
    typst_pdf::pdf(&document, options).map(Outcome::Pdf).map_err(|errors| wrong(&errors))
}

/// The first text that is not set as it is written: with the sign for a missing glyph, which PDF/A forbids, or without
/// one of its characters. Where a letter and its mark have no font in common, typst sets one of them.
fn unshown(frame: &Frame) -> Option<String> {
    frame.items().find_map(|(_, item)| match item {
        FrameItem::Group(group) => unshown(&group.frame),
        FrameItem::Text(text) => unset(text),
        FrameItem::Shape(..) | FrameItem::Image(..) | FrameItem::Link(..) | FrameItem::Tag(_) => None,
    })
}

fn unset(item: &TextItem) -> Option<String> {
    let known = &item.font.font().info().coverage;
    let is_set = |c: char| c.is_ascii() || c.is_whitespace() || is_silent(c) || known.contains(c.into());
    let lacking = item.text.char_indices().find(|(_, c)| !is_set(*c)).map(|(at, _)| at);
    let missing =
        item.glyphs.iter().find(|glyph| glyph.id == 0 || lacking.is_some_and(|at| glyph.range().contains(&at)));
    match (missing, lacking) {
        (Some(glyph), _) => Some(item.text.get(glyph.range()).unwrap_or(&item.text).to_owned()),
        (None, Some(at)) => item.text.get(at..).and_then(|rest| rest.chars().next()).map(String::from),
        (None, None) => None,
    }
}

/// Characters that are not set by themselves: joiners, separators, and what chooses the form of others.
fn is_silent(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{200b}'..='\u{200d}' | '\u{fe00}'..='\u{fe0f}')
}

/// All that a template can see.
struct Desk {
    main: Source,
    sheet: Bytes,
    fonts: Fonts,
    /// Whether nobody waits for it any more.
    is_over: Arc<AtomicBool>,
}

impl Desk {
    /// Ends a thread that nobody waits for. It unwinds without a message: nothing is wrong.
    fn go_on(&self) {
        if self.is_over.load(Ordering::Relaxed) {
            resume_unwind(Box::new("its time was over".to_owned()));
        }
    }

    /// The first of the typesetter's errors, with its line.
    fn problem(&self, errors: &[SourceDiagnostic]) -> Error {
        let Some(error) = errors.first() else { return Error::Typesetter("without a reason".to_owned()) };
        let place = self.range(error.span).and_then(|range| self.main.lines().byte_to_line(range.start));
        let hints = error.hints.iter().map(|hint| format!(" ({})", hint.v));
        Error::Template {
            line: place.map(|line| line.saturating_add(1)),
            problem: std::iter::once(error.message.to_string()).chain(hints).collect(),
        }
    }
}

impl World for Desk {
    fn library(&self) -> &LazyHash<Library> {
        static LIBRARY: LazyLock<LazyHash<Library>> = LazyLock::new(|| LazyHash::new(Library::default()));
        &LIBRARY
    }

    fn book(&self) -> &LazyHash<FontBook> {
        self.fonts.book()
    }

    fn main(&self) -> FileId {
        self.main.id()
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        self.go_on();
        match id == self.main.id() {
            true => Ok(self.main.clone()),
            false => Err(absent(id)),
        }
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        self.go_on();
        match id.get().root() == &VirtualRoot::Project && id.get().vpath().get_without_slash() == SHEET {
            true => Ok(self.sheet.clone()),
            false => Err(absent(id)),
        }
    }

    fn font(&self, index: usize) -> Option<Font> {
        self.go_on();
        self.fonts.font(index)
    }

    fn today(&self, _offset: Option<typst::foundations::Duration>) -> Option<Datetime> {
        None
    }
}

fn absent(id: FileId) -> FileError {
    let path = id.get();
    let name = match path.root() {
        VirtualRoot::Package(package) => format!("the package {package}"),
        VirtualRoot::Project => format!("the file {}", path.vpath().get_without_slash()),
    };
    let why = format!("{name} is not there: a template can read {SHEET} and nothing else");
    FileError::Other(Some(why.into()))
}

#[cfg(test)]
mod tests;
