//! Projections as people and programs see them.

use clicktrail_projections::Projection;
use serde_json::{Value, json};

use crate::output;

/// A projection as a JSON object.
pub(super) fn object(projection: &Projection) -> Value {
    let key = |field: &arrow::datatypes::Field| json!({"name": field.name(), "type": field.data_type().to_string(), "nullable": field.is_nullable()});
    let measure = |measure: &clicktrail_projections::projection::Measure| json!({"name": measure.name, "type": measure.kind.as_str()});
    json!({
        "name": projection.name(),
        "built_in": projection.is_built_in(),
        "code_digest": projection.code_digest().to_string(),
        "key": projection.key().iter().map(|field| key(field)).collect::<Vec<_>>(),
        "time": projection.time(),
        "unit": projection.unit().as_str(),
        "measures": projection.measures().iter().map(measure).collect::<Vec<_>>(),
    })
}

/// Its columns as a table, under its digest.
pub(super) fn describe(projection: &Projection) {
    let (name, digest) = (projection.name(), projection.code_digest());
    output::line(&format!("{name}: ok, code digest {digest}"));
    let mut table = output::Table::new(&["column", "role", "type", "null"]);
    for field in projection.key() {
        let is_time = field.name() == projection.time();
        let role = if is_time { format!("time, by the {}", projection.unit().as_str()) } else { "key".to_owned() };
        let null = if field.is_nullable() { "may be" } else { "never" };
        table.push(vec![field.name().clone(), role, field.data_type().to_string(), null.to_owned()]);
    }
    for measure in projection.measures() {
        let data_type = measure.kind.data_type().to_string();
        table.push(vec![measure.name.clone(), measure.kind.as_str().to_owned(), data_type, "never".to_owned()]);
    }
    table.print();
}
