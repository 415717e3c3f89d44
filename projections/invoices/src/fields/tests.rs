use super::*;

#[track_caller]
fn line_of(text: &str, path: &str, expected: usize) {
    let (source, table) = Source::parse("file.toml", text).unwrap();
    let error = source.locate(&table, Error::Field(format!("{path}: why")));
    assert_eq!(error.to_string(), format!("file.toml:{expected}: {path}: why"));
}

#[test]
fn field_is_found_by_its_path() {
    let text = "a = 1\n\n[b]\nc = 2\n[b.d]\ne = 3\n\n[[f]]\ng = 4\n[[f]]\ng = 5\n";
    line_of(text, "a", 1);
    line_of(text, "b", 3);
    line_of(text, "b.c", 4);
    line_of(text, "b.d.e", 6);
    line_of(text, "f[0].g", 9);
    line_of(text, "f[1].g", 11);
    // What is missing is missed where its table is.
    line_of(text, "b.x", 3);
    line_of(text, "f[1].x", 10);
    line_of(text, "x", 1);
}

#[test]
fn text_that_is_no_toml_is_refused_with_its_line() {
    let error = Source::parse("file.toml", "a = 1\nb = \n").unwrap_err().to_string();
    assert!(error.starts_with("file.toml:2: "), "{error}");
    let long = format!("a = \"{}\"", "x".repeat(FILE_BYTES_MAX));
    assert!(Source::parse("file.toml", &long).unwrap_err().to_string().contains("more than"));
}
