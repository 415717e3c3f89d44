//! `clicktrail log cat --from …`: history and then what comes, each row once, in the order of the log.

#![expect(clippy::disallowed_methods, reason = "a follower pauses before it asks again what did not answer")]

use std::{io::IsTerminal as _, pin::pin, sync::Arc, time::Duration};

use anyhow::{bail, ensure};
use clicktrail_log::{causes::causes, log::Stream, position::Position, time::Hour};
use clicktrail_replay::{
    Error,
    history::{End, History, Source, Start, Step},
};

use super::{first_hour, rows::Rows};
use crate::{
    exit::Exit,
    global::{Global, Requested},
    installation::Installation,
    interrupt::interrupted,
    output,
};

/// How long a follower waits for a frame before it looks around.
const WAIT: Duration = Duration::from_secs(1);
/// The pause before a follower asks again a log or an archive that did not answer.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Begin with this hour (UTC), as in 2026-11-22T14 or 2026-11-22, or with this position, as in 1.42.0
    #[arg(long, value_name = "HOUR or POSITION", value_parser = place)]
    from: Option<Place>,
    /// Begin with the row behind this one: the position of the last row that you have
    #[arg(long, value_name = "POSITION", conflicts_with = "from", value_parser = position)]
    after: Option<Position>,
    /// End before this hour, or before this position
    #[arg(long, value_name = "HOUR or POSITION", conflicts_with = "follow", value_parser = place)]
    to: Option<Place>,
    /// Which log
    #[arg(long, value_enum, default_value = "clicks")]
    stream: Which,
    /// Go on with what comes, until interrupted
    #[arg(long)]
    follow: bool,
}

impl Arguments {
    /// Whether it goes on with what comes: then it has to see what others write.
    pub(super) const fn is_followed(&self) -> bool {
        self.follow
    }
}

/// A place in a log, as a person names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Hour(Hour),
    Position(Position),
}

/// The log that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Which {
    /// What was captured.
    Clicks,
    /// What was ruled about it.
    Verdicts,
    /// What failed validation.
    Rejected,
    /// What was issued: invoices, credit notes and debit notes.
    Invoices,
}

impl Which {
    const fn stream(self) -> Stream {
        match self {
            Self::Clicks => Stream::Clicks,
            Self::Verdicts => Stream::Verdicts,
            Self::Rejected => Stream::Rejected,
            Self::Invoices => Stream::Invoices,
        }
    }
}

/// `1.42.0`, or the integer that Arrow and Parquet hold for it.
fn position(text: &str) -> Result<Position, String> {
    let integer = text.parse().ok().and_then(Position::from_i64);
    integer.map_or_else(|| text.parse().map_err(|error: clicktrail_log::position::ParseError| error.to_string()), Ok)
}

fn place(text: &str) -> Result<Place, String> {
    if let Ok(position) = position(text) {
        return Ok(Place::Position(position));
    }
    let hour = first_hour::parse(text).map_err(|error| format!("{error}; or a position, as in 1.42.0"))?;
    Ok(Place::Hour(hour))
}

impl Arguments {
    fn start(&self) -> Start {
        match (self.from, self.after) {
            (_, Some(last)) => Start::At(last.plus_rows(1)),
            (Some(Place::Hour(hour)), None) => Start::Hour(hour),
            (Some(Place::Position(position)), None) => Start::At(position),
            (None, None) => Start::Beginning,
        }
    }

    fn end(&self) -> Option<End> {
        self.to.map(|place| match place {
            Place::Hour(hour) => End::Hour(hour),
            Place::Position(position) => End::At(position),
        })
    }
}

pub(super) async fn run(
    global: &Global,
    instance: &Installation,
    arguments: &Arguments,
    personal: bool,
    limit: u64,
) -> anyhow::Result<Exit> {
    let stream = arguments.stream.stream();
    ensure!(
        !personal || stream == Stream::Clicks,
        "only clicks have their personal columns apart: leave out --personal"
    );
    let source = Source::new(stream);
    let source = if personal { source.with_personal() } else { source };
    let mut rows = match global.requested {
        Requested::Table | Requested::Json | Requested::Ndjson => Rows::Ndjson,
        Requested::Csv => bail!("events are no table: use --output ndjson or arrow"),
        Requested::Arrow => {
            let is_shown = std::io::stdout().is_terminal();
            ensure!(!is_shown, "an Arrow stream is no text: write it to a file, or to the program that reads it");
            Rows::arrow(&source.schema())?
        }
    };
    let archive = instance.archive.clone();
    let history =
        History::open(Arc::clone(instance.log(stream)), archive, source, arguments.start(), arguments.end()).await;
    let copied = match history {
        Ok(history) => copy(history, arguments.follow, limit, &mut rows).await,
        Err(error) => Err(error.into()),
    };
    match copied {
        Ok(()) => {
            rows.finish()?;
            Ok(Exit::Ok)
        }
        // The stream stays without an end: what was given is right, and it is not all.
        Err(error) if error.downcast_ref::<Error>().is_some_and(Error::is_incomplete) => {
            output::error(&error);
            Ok(Exit::InputIncomplete)
        }
        Err(error) => Err(error),
    }
}

/// Writes what the reader gives, until it ends, `limit` rows are written, or nobody wants more.
async fn copy(mut history: History, follow: bool, limit: u64, rows: &mut Rows) -> anyhow::Result<()> {
    let mut stop = pin!(interrupted());
    let wait = if follow { WAIT } else { Duration::ZERO };
    let (mut left, mut is_waiting) = (limit, false);
    while left > 0 && output::is_taken() {
        let step = tokio::select! {
            biased;
            () = &mut stop => return Ok(()),
            step = history.next(wait) => step,
        };
        match step {
            Ok(Step::Rows(found)) => {
                let kept = usize::try_from(left).map_or(found.num_rows(), |left| left.min(found.num_rows()));
                rows.write(&found.slice(0, kept))?;
                left -= kept as u64;
                is_waiting = false;
            }
            Ok(Step::End) => return Ok(()),
            Ok(Step::Tail) if follow => is_waiting = false,
            Ok(Step::Tail) => return Ok(()),
            Err(cause) if follow && cause.is_transient() => {
                if !is_waiting {
                    output::note(&format!("clicktrail: waiting, nothing is lost: {}", causes(&cause)));
                }
                is_waiting = true;
                tokio::select! {
                    () = &mut stop => return Ok(()),
                    () = tokio::time::sleep(RETRY_PAUSE) => {}
                }
            }
            Err(error) => {
                let told = format!("everything before {} was given, nothing behind it", history.place());
                return Err(anyhow::Error::from(error).context(told));
            }
        }
    }
    Ok(())
}
