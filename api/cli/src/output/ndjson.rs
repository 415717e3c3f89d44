//! Rows as lines of JSON, straight from their columns: a stream of millions of them makes no value of each.

use std::io::Write as _;

use arrow::{
    array::{Array as _, ArrayRef, AsArray as _, RecordBatch},
    datatypes::{DataType, Int64Type},
    util::display::ArrayFormatter,
};
use clicktrail_log::position::Position;

use super::cell;

/// Columns that hold positions. In JSON they are texts: many readers would round the integers.
pub(crate) const POSITIONS: [&str; 2] = ["position", "target"];

/// Appends one object a line for each row, without what is null, its fields by name.
///
/// # Errors
/// If a value cannot be written as text.
pub(crate) fn lines(rows: &RecordBatch, lines: &mut Vec<u8>) -> anyhow::Result<()> {
    let (schema, options) = (rows.schema(), cell::times());
    let mut columns: Vec<(&str, &ArrayRef, ArrayFormatter<'_>)> = Vec::with_capacity(rows.num_columns());
    for (field, column) in schema.fields().iter().zip(rows.columns()) {
        columns.push((field.name().as_str(), column, ArrayFormatter::try_new(column, &options)?));
    }
    columns.sort_by_key(|(name, _, _)| *name);
    for row in 0..rows.num_rows() {
        let mut before = b'{';
        for (name, column, formatter) in columns.iter().filter(|(_, column, _)| !column.is_null(row)) {
            lines.push(before);
            before = b',';
            serde_json::to_writer(&mut *lines, name)?;
            lines.push(b':');
            match column.data_type() {
                DataType::Utf8 => serde_json::to_writer(&mut *lines, column.as_string::<i32>().value(row))?,
                DataType::Int64 => {
                    let value = column.as_primitive::<Int64Type>().value(row);
                    match Position::from_i64(value).filter(|_| POSITIONS.contains(name)) {
                        Some(position) => write!(lines, "\"{position}\"")?,
                        None => write!(lines, "{value}")?,
                    }
                }
                _ => serde_json::to_writer(&mut *lines, &cell::value(column.as_ref(), row, formatter)?.to_json())?,
            }
        }
        // A row of nulls alone.
        lines.extend_from_slice(if before == b'{' { b"{}\n" } else { b"}\n" });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::{
        array::{BinaryArray, Int64Array, StringArray, TimestampMicrosecondArray},
        datatypes::{Field, Schema},
    };
    use serde_json::Value;

    use super::*;

    #[test]
    fn lines_are_the_objects_that_other_commands_print() {
        let times = TimestampMicrosecondArray::from(vec![Some(1_800_000_000_000_001), Some(0), None]);
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("position", Arc::new(Int64Array::from(vec![Some((1 << 56) + (42 << 16) + 7), Some(1 << 56), None]))),
            ("target", Arc::new(Int64Array::from(vec![None, Some((1 << 56) + 1), None]))),
            ("price_micros", Arc::new(Int64Array::from(vec![Some(i64::MIN), Some(i64::MAX), None]))),
            ("name", Arc::new(StringArray::from(vec![Some("\"ü\"\n\u{1b}\\"), Some(""), None]))),
            ("original", Arc::new(BinaryArray::from(vec![Some(&b"{\xff}"[..]), Some(b""), None]))),
            ("at", Arc::new(times.with_timezone("UTC"))),
        ];
        let field = |(name, column): &(&str, ArrayRef)| Field::new(*name, column.data_type().clone(), true);
        let schema = Schema::new(columns.iter().map(field).collect::<Vec<_>>());
        let rows =
            RecordBatch::try_new(schema.into(), columns.into_iter().map(|(_, column)| column).collect()).unwrap();
        let mut found = Vec::new();
        lines(&rows, &mut found).unwrap();
        let mut expected = Vec::new();
        for mut object in crate::output::objects(&rows).unwrap() {
            for name in POSITIONS {
                let position = object[name].as_i64().and_then(Position::from_i64);
                object.insert(name.to_owned(), position.map_or(Value::Null, |position| position.to_string().into()));
            }
            object.retain(|_, value| !value.is_null());
            expected.push(format!("{}\n", Value::Object(object)));
        }
        assert_eq!(String::from_utf8(found).unwrap(), expected.concat());
        assert!(expected[0].contains("\"position\":\"1.42.7\"") && expected[2] == "{}\n", "{expected:?}");
    }
}
