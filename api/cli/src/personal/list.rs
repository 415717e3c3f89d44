//! `clicktrail personal list`

use serde_json::json;

use crate::{
    exit::Exit,
    global::{Format, Global},
    output,
};

pub(super) async fn run(global: &Global) -> anyhow::Result<Exit> {
    let instance = global.open_reading().await?;
    let open = instance.archive.erasures().await?;
    if global.output == Format::Json {
        let request = |request: &clicktrail_log::archive::erasure::Request| {
            json!({
                "request": request.id.to_string(), "kind": request.kind.as_str(), "digest": request.digest(),
                "asked_at": request.asked_at().to_string(), "until": request.until().to_string(),
                "checked": request.checked().map(|hour| hour.to_string()),
            })
        };
        output::json(&open.iter().map(request).collect());
        return Ok(Exit::Ok);
    }
    let mut table = output::Table::new(&["request", "kind", "asked_at", "checked"]);
    for request in &open {
        let checked = request.checked().map_or_else(String::new, |hour| hour.to_string());
        let (id, asked_at) = (request.id.to_string(), request.asked_at().to_string());
        table.push(vec![id, request.kind.as_str().to_owned(), asked_at, checked]);
    }
    table.print();
    Ok(Exit::Ok)
}
