//! An hour, counted range by range on a few threads; what comes out is in order.

use std::sync::Arc;

use clicktrail_log::archive::{Archive, manifest};
use datafusion::arrow::array::RecordBatch;
use futures::{
    Stream, StreamExt as _, TryStreamExt as _,
    stream::{self, BoxStream},
};
use tokio::runtime::Handle;

use super::{
    codes,
    cursor::Cursor,
    pieces::Merged,
    plan::{self, Plan},
    ranges::{Range, Ranges, Sizes},
    ruled::Ruled,
    threads::{Task, Threads},
};
use crate::{error::Error, session};

/// Rows of [`crate::counters::schema()`] columns, texts as dictionaries, in the order of
/// [`KEYS`](crate::counters::KEYS), one per key.
pub type Counts = BoxStream<'static, Result<RecordBatch, Error>>;

/// Counts a sealed hour. At most [`session::Limits::threads`] are busy for it, beside the caller's own.
///
/// `rulings` has [`rulings_schema`](crate::counters::rulings_schema) columns and at most one row a position.
///
/// # Errors
/// [`Error::Archive`] naming a part that is missing or damaged: each is compared with its digest before a row of it
/// is counted; [`Error::Refused`] if the SQL cannot be run over codes, or there are two rulings about one position;
/// otherwise as the engine reports.
pub async fn project_hour(
    archive: &Archive,
    hour: &manifest::Manifest,
    rulings: &[RecordBatch],
    limits: session::Limits,
) -> Result<Counts, Error> {
    let files = hour.parts.iter().map(|part| part.core.clone()).collect();
    let plan = plan::of_counters().await?;
    project_files(archive, files, plan, rulings, limits, Sizes::default()).await
}

pub(super) async fn project_files(
    archive: &Archive,
    files: Vec<manifest::File>,
    plan: Arc<Plan>,
    rulings: &[RecordBatch],
    limits: session::Limits,
    sizes: Sizes,
) -> Result<Counts, Error> {
    let threads = Threads::new(limits.threads);
    let ruled = Arc::new(Ruled::new(rulings)?);
    // Positions are read only where rows are found by them.
    let cursors = open(archive, files, !ruled.is_empty(), sizes, &threads).await?;
    // One more than there are threads: they go on while the caller writes.
    let at_once = threads.count + 1;
    let ranges = cut(Ranges::new(cursors, sizes), threads.clone());
    let counted = ranges.map_ok(move |range| {
        let (plan, ruled) = (Arc::clone(&plan), Arc::clone(&ruled));
        threads.start(move || count(&plan, &ruled, &range)).done()
    });
    Ok(in_order(counted.try_buffered(at_once)))
}

/// Reads and checks the parts; each is let go but for the columns that are read.
pub(super) async fn open(
    archive: &Archive,
    files: Vec<manifest::File>,
    with_position: bool,
    sizes: Sizes,
    threads: &Threads,
) -> Result<Vec<Cursor>, Error> {
    let batch_rows = sizes.batch_rows(files.len());
    let open = |file: manifest::File| {
        let (archive, runtime) = (archive.clone(), Handle::current());
        let opened = threads.start(move || {
            let bytes = runtime.block_on(archive.get_file(&file))?;
            Cursor::open(&file, &bytes, with_position, batch_rows)
        });
        opened.done()
    };
    stream::iter(files).map(open).buffered(threads.count).try_collect().await
}

/// The ranges, one of which is always cut ahead.
fn cut(ranges: Ranges, threads: Threads) -> impl Stream<Item = Result<Range, Error>> + Send {
    fn next(mut ranges: Ranges, threads: &Threads) -> Task<(Option<Range>, Ranges)> {
        threads.start(move || Ok((ranges.next()?, ranges)))
    }
    let first = next(ranges, &threads);
    stream::try_unfold((first, threads), async |(cutting, threads)| {
        let (range, ranges) = cutting.done().await?;
        Ok(range.map(|range| (range, (next(ranges, &threads), threads))))
    })
}

/// The counts of one range.
struct Counted {
    rows: Vec<RecordBatch>,
    is_piece: bool,
    is_last: bool,
}

fn count(plan: &Plan, ruled: &Ruled, range: &Range) -> Result<Counted, Error> {
    let rows = match range.slices.as_slice() {
        [] => Vec::new(),
        slices => vec![plan.run(&codes::encode(slices, ruled)?)?],
    };
    Ok(Counted { rows, is_piece: range.is_piece, is_last: range.is_last })
}

type Ready = Box<dyn Iterator<Item = Result<RecordBatch, Error>> + Send>;

/// The rows of all ranges; those of pieces once their ad is whole.
fn in_order(counted: impl Stream<Item = Result<Counted, Error>> + Send + 'static) -> Counts {
    let rows = stream::try_unfold((counted.boxed(), Vec::new()), async |(mut counted, mut pieces)| {
        let Some(Counted { rows, is_piece, is_last }) = counted.try_next().await? else { return Ok::<_, Error>(None) };
        let ready: Ready = match (is_piece, is_last) {
            (false, _) => Box::new(rows.into_iter().map(Ok)),
            (true, false) => {
                pieces.extend(rows);
                Box::new(std::iter::empty())
            }
            (true, true) => {
                pieces.extend(rows);
                Box::new(Merged::new(&std::mem::take(&mut pieces))?)
            }
        };
        Ok::<_, Error>(Some((stream::iter(ready), (counted, pieces))))
    });
    rows.try_flatten().boxed()
}
