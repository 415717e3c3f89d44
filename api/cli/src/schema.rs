//! `clicktrail schema check|show`

use arrow::datatypes::SchemaRef;
use clicktrail_log::{
    invoices::schema as invoices,
    schema::{self, Column},
};
use serde_json::{Value, json};

use crate::{
    exit::Exit,
    global::{Format, Global},
    output,
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Check that the columns of events, verdicts and issued documents break no promise of any published version
    Check,
    /// Print the columns of events, verdicts or issued documents, in the form in which a version is published
    Show {
        /// Whose columns
        #[arg(value_enum, default_value_t = Rows::Events)]
        rows: Rows,
    },
}

/// What is logged in rows that evolve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Rows {
    /// The click log
    Events,
    /// The verdict log
    Verdicts,
    /// The log of issued documents
    Invoices,
}

impl Rows {
    const ALL: [Self; 3] = [Self::Events, Self::Verdicts, Self::Invoices];

    fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Verdicts => "verdicts",
            Self::Invoices => "invoices",
        }
    }

    fn now(self) -> SchemaRef {
        match self {
            Self::Events => schema::events(),
            Self::Verdicts => clicktrail_verdicts::schema::verdicts(),
            Self::Invoices => invoices::invoices(),
        }
    }

    fn published(self) -> Vec<(String, Vec<Column>)> {
        match self {
            Self::Events => schema::published(),
            Self::Verdicts => clicktrail_verdicts::schema::published(),
            Self::Invoices => invoices::published(),
        }
    }

    /// The folder of the published versions.
    fn folder(self) -> &'static str {
        match self {
            Self::Events | Self::Invoices => "log/schemas",
            Self::Verdicts => "verdicts/schemas",
        }
    }
}

/// How a schema compares with its published versions.
struct Compared {
    rows: Rows,
    id: String,
    is_published: bool,
    versions: usize,
    breaks: Vec<String>,
}

fn compare(rows: Rows) -> Compared {
    let (now, published) = (schema::columns(&rows.now()), rows.published());
    let id = schema::id(&rows.now());
    let mut breaks = Vec::new();
    for (version, columns) in &published {
        let broken = schema::check_additive(columns, &now);
        breaks.extend(broken.iter().map(|broken| format!("{} version {version}: {broken}", rows.name())));
    }
    let is_published = published.iter().any(|(version, _)| *version == id);
    Compared { rows, id, is_published, versions: published.len(), breaks }
}

#[allow(clippy::unnecessary_wraps, reason = "every command gives the same answer")]
pub(super) fn run(global: &Global, command: &Command) -> anyhow::Result<Exit> {
    match command {
        Command::Show { rows } => {
            output::json(&json!(schema::columns(&rows.now())));
            Ok(Exit::Ok)
        }
        Command::Check => {
            let compared = Rows::ALL.map(compare);
            match global.output {
                Format::Json => output::json(&to_json(&compared)),
                Format::Table => compared.iter().for_each(print),
            }
            let sound = compared.iter().all(|compared| compared.breaks.is_empty() && compared.is_published);
            Ok(if sound { Exit::Ok } else { Exit::Differences })
        }
    }
}

fn to_json(compared: &[Compared]) -> Value {
    let object = |compared: &Compared| {
        json!({
            "rows": compared.rows.name(),
            "id": compared.id,
            "published": compared.is_published,
            "versions": compared.versions,
            "breaks": compared.breaks,
        })
    };
    Value::Array(compared.iter().map(object).collect())
}

fn print(compared: &Compared) {
    let Compared { rows, id, is_published, versions, breaks } = compared;
    breaks.iter().for_each(|broken| output::line(broken));
    let state = match is_published {
        true => "published".to_owned(),
        false => format!("not published yet: add it under {}", rows.folder()),
    };
    let (checked, broken) = (output::count(versions, "version"), output::count(breaks.len(), "breaking change"));
    output::line(&format!("{} schema {id} ({state}), {checked} compared: {broken}", rows.name()));
}
