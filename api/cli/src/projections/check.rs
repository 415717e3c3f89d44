//! `clicktrail projections check`

use std::path::PathBuf;

use anyhow::Context as _;
use clicktrail_projections::{Error, Projection};
use serde_json::json;

use super::{
    directory::{self, Loaded},
    shown,
};
use crate::{
    exit::Exit,
    global::{Format, Global},
    output,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The directory [default: what --projections names]
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
    /// Check instead the SQL of this file as a candidate for counters, whose columns it must have
    #[arg(long, value_name = "FILE.sql", conflicts_with = "directory")]
    counters: Option<PathBuf>,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let loaded = match &arguments.counters {
        Some(file) => {
            let projection = Projection::candidate_of_counters(&directory::text(file)?).await;
            vec![Loaded { name: file.display().to_string(), projection }]
        }
        None => {
            let configured = global.projections()?;
            let directory =
                arguments.directory.or(configured).context("name the directory, here or by --projections")?;
            directory::load(&directory).await?
        }
    };
    let problems = loaded.iter().filter(|loaded| loaded.projection.is_err()).count();
    print(global, &loaded);
    if loaded.is_empty() {
        output::note("there is no projection here: each is a NAME.sql and a NAME.toml (see docs/projections.md)");
        return Ok(Exit::InputIncomplete);
    }
    Ok(if problems > 0 { Exit::Differences } else { Exit::Ok })
}

fn print(global: &Global, loaded: &[Loaded]) {
    if global.output == Format::Json {
        let object = |loaded: &Loaded| match &loaded.projection {
            Ok(projection) => shown::object(projection),
            Err(error) => json!({"name": loaded.name, "problem": problem(error)}),
        };
        output::json(&loaded.iter().map(object).collect());
        return;
    }
    for (index, Loaded { name, projection }) in loaded.iter().enumerate() {
        if index > 0 {
            output::line("");
        }
        match projection {
            Ok(projection) => shown::describe(projection),
            Err(error) => output::line(&format!("{name}: refused\n  {}", problem(error))),
        }
    }
}

/// What is wrong, without the sentence that every refusal begins with.
fn problem(error: &Error) -> String {
    match error {
        Error::Refused(what) => what.clone(),
        Error::Archive(_) | Error::Query(_) | Error::Segment(_) | Error::Argument(_) => error.to_string(),
    }
}
