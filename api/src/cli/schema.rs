//! `clicktrail schema check|show`

use clicktrail_log::schema;
use serde_json::json;

use super::{Exit, Format, Global, output};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Compare the event schema with every version ever published: additive changes only
    Check,
    /// Print the event schema, as a published version is kept
    Show,
}

#[allow(clippy::unnecessary_wraps, reason = "every command gives the same answer")]
pub(super) fn run(global: &Global, command: &Command) -> anyhow::Result<Exit> {
    let now = schema::columns(&schema::events());
    match command {
        Command::Show => {
            output::json(&json!(now));
            Ok(Exit::Ok)
        }
        Command::Check => {
            let id = schema::id(&schema::events());
            let published = schema::published();
            let breaks: Vec<String> = published
                .iter()
                .flat_map(|(version, columns)| {
                    schema::check_additive(columns, &now)
                        .into_iter()
                        .map(move |broken| format!("version {version}: {broken}"))
                })
                .collect();
            let known = published.iter().any(|(version, _)| *version == id);
            match global.output {
                Format::Json => {
                    output::json(&json!({"id": id, "published": known, "versions": published.len(), "breaks": breaks}))
                }
                Format::Table => {
                    breaks.iter().for_each(|broken| output::line(broken));
                    let state = if known { "published" } else { "not published yet: add it under log/schemas" };
                    output::line(&format!(
                        "schema {id} ({state}), {} versions compared, {} breaks",
                        published.len(),
                        breaks.len()
                    ));
                }
            }
            Ok(if breaks.is_empty() && known { Exit::Ok } else { Exit::Differences })
        }
    }
}
