//! `clicktrail projections list`

use clicktrail_projections::Projection;
use serde_json::Value;

use super::{
    directory::{self, Loaded},
    shown,
};
use crate::{
    exit::Exit,
    global::{Format, Global},
    output,
};

/// Digits of a code digest in a table.
const DIGEST_CHARS: usize = 16;

pub(super) async fn run(global: &Global) -> anyhow::Result<Exit> {
    let mut all = vec![Projection::counters()];
    let mut exit = Exit::Ok;
    if let Some(directory) = global.projections()? {
        for Loaded { name, projection } in directory::load(&directory).await? {
            match projection {
                Ok(projection) => all.push(projection),
                Err(error) => {
                    exit = Exit::Differences;
                    output::note(&format!("{name} is left out: {error}"));
                }
            }
        }
    }
    if global.output == Format::Json {
        output::json(&all.iter().map(shown::object).collect::<Value>());
        return Ok(exit);
    }
    let mut table = output::Table::new(&["projection", "code", "by", "key", "measures"]);
    for projection in &all {
        let key: Vec<&str> = projection.key().iter().map(|field| field.name().as_str()).collect();
        let measures: Vec<&str> = projection.measures().iter().map(|measure| measure.name.as_str()).collect();
        let shown_measures = match measures.as_slice() {
            [a, b, c, d, more @ ..] if !more.is_empty() => format!("{a}, {b}, {c}, {d} and {} more", more.len()),
            all => all.join(", "),
        };
        let digest = projection.code_digest().to_string();
        let (digest, unit) = (digest[..DIGEST_CHARS].to_owned(), projection.unit().as_str().to_owned());
        table.push(vec![projection.name().to_owned(), digest, unit, key.join(", "), shown_measures]);
    }
    table.print();
    Ok(exit)
}
