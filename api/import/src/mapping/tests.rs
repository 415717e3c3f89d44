use super::*;

const APACHE: &str = include_str!("../../../../examples/apache.toml");

fn error(format: Format, text: &str) -> (usize, String) {
    let error = Mapping::parse(format, text).unwrap_err();
    (error.line, error.message)
}

/// The example with one line replaced.
fn with(line: &str, replacement: &str) -> String {
    let changed = APACHE.replace(line, replacement);
    assert_ne!(changed, APACHE, "{line}");
    changed
}

#[test]
fn the_example_is_read() {
    let mapping = Mapping::parse(Format::Combined, APACHE).unwrap();
    let columns = mapping.columns.unwrap();
    assert_eq!(columns.source(Column::CampaignId).unwrap().field(), Some("first_segment"));
    assert_eq!(columns.source(Column::Currency).unwrap().field(), None);
    assert!(columns.source(Column::City).is_none());
    assert_eq!(
        columns.extra,
        Extra::Fields(
            ["query", "status", "bytes", "vhost", "forwarded_for", "further", "request"].map(str::to_owned).to_vec()
        )
    );
    assert_eq!(mapping.bounds.not_before.to_string(), "2000-01-01T00:00:00.000000Z");
}

#[test]
fn every_error_points_at_its_line() {
    let kind = "kind = { field = \"method\", map = { GET = \"click\", POST = \"click\", HEAD = \"probe\" } }";
    let line = 1 + APACHE.lines().position(|line| line == kind).unwrap();
    for (replacement, expected) in [
        ("kind = { field = \"verb\" }", "\"verb\" is not a field of a combined log: remote_addr, "),
        ("kind = { field = \"method\", fallback = \"verb\" }", "\"verb\" is not a field of a combined log: "),
        ("kind = { field = \"method\", mapp = {} }", "unknown field `mapp`, expected one of"),
        ("kind = { map = {} }", "missing field `field`"),
        ("kind = 1", "invalid type: integer `1`, expected a text, or a table like"),
        ("kind = { field = 1 }", "invalid type: integer `1`, expected a string"),
        ("kind = { field = \"method\", capture = \"(\" }", "capture does not compile: "),
        ("kind = { field = \"method\", capture = \"GET\" }", "capture needs one group, it has 0"),
        ("kind = { field = \"method\", shorten = true }", "shorten is for ids only"),
        ("kind = { field = \"method\", format = \"rfc3339\" }", "format is for event_time only"),
        ("kinds = \"click\"", "\"kinds\" is not a column that a mapping can fill"),
        ("kind = \"click\"\nkind = \"probe\"", "duplicate key"),
        ("kind = ", "string values must be quoted, expected literal string"),
    ] {
        let (found_line, message) = error(Format::Combined, &with(kind, replacement));
        assert!(message.starts_with(expected), "{replacement}: {message}");
        assert_eq!(found_line, line + replacement.matches('\n').count(), "{replacement}: {message}");
    }
}

#[test]
fn a_time_that_does_not_say_its_zone_is_refused() {
    let time = "event_time = { field = \"time\" }";
    let line = 1 + APACHE.lines().position(|line| line == time).unwrap();
    for (pattern, expected) in [
        ("%d %T %Z", "\"%d %T %Z\" reads the name of a zone"),
        ("%F %T", "times like \"%F %T\" do not say their zone: add timezone = "),
    ] {
        let replacement = format!("event_time = {{ field = \"time\", format = \"{pattern}\" }}");
        let (found_line, message) = error(Format::Combined, &with(time, &replacement));
        assert!(message.starts_with(expected), "{message}");
        assert_eq!(found_line, line);
    }
    let zone = "timezone = \"Europe/Berlin\"\n";
    let local = "event_time = { field = \"time\", format = \"%F %T\" }";
    assert!(Mapping::parse(Format::Combined, &format!("{zone}{}", with(time, local))).is_ok());
}

#[test]
fn errors_outside_the_columns_point_at_their_lines_too() {
    let extra = "extra = [\"query\", \"status\", \"bytes\", \"vhost\", \"forwarded_for\", \"further\", \"request\"]";
    let line = 1 + APACHE.lines().position(|line| line == extra).unwrap();
    for (replacement, expected) in [
        ("extra = [\"cookies\"]", "\"cookies\" is not a field of a combined log"),
        ("extra = [\"query\", \"query\"]", "extra names \"query\" twice"),
        ("not_before = \"yesterday\"", "\"yesterday\" is not a time like"),
        ("delimiter = \";\"", "delimiter is for csv only"),
        ("quote = \"\"", "quote is for csv only"),
        ("timezone = \"CET+1\"", "\"CET+1\" is not a time zone: use an IANA name, as in Europe/Berlin"),
        ("extras = []", "unknown field `extras`"),
    ] {
        let (found_line, message) = error(Format::Combined, &with(extra, replacement));
        assert!(message.starts_with(expected), "{replacement}: {message}");
        assert_eq!(found_line, line, "{replacement}: {message}");
    }
    for delimiter in ["", "ab", "\\\"", "é"] {
        assert!(
            Mapping::parse(Format::Csv, &with(extra, &format!("delimiter = \"{delimiter}\""))).is_err(),
            "{delimiter}"
        );
    }
    for (options, expected) in [
        ("quote = \"ab\"", "quote is one ASCII character, or \"\" where cells have no quotes"),
        ("quote = \";\"\ndelimiter = \";\"", "the delimiter cannot be the quote"),
        ("delimiter = \"\\\"\"", "the delimiter cannot be the quote"),
        ("delimiter = \"\\n\"", "delimiter cannot be a line break"),
    ] {
        assert_eq!(error(Format::Csv, &with(extra, options)).1, expected, "{options}");
    }
    for options in ["quote = \"\"", "quote = \"'\"", "quote = \"\"\ndelimiter = \"\\\"\"", "timezone = \"+02:00\""] {
        assert!(Mapping::parse(Format::Csv, &with(extra, options)).is_ok(), "{options}");
    }
    let (line, message) = error(Format::Combined, &with("currency = \"EUR\"\n", ""));
    assert_eq!(message, "[event] does not say where currency comes from");
    assert!(line > 1 && APACHE.lines().nth(line - 1).unwrap().contains("[event]"), "{line}");
    let (_, message) = error(Format::Combined, &with("price = \"0.01\"\n", ""));
    assert_eq!(message, "[event] does not say where price (or price_micros) comes from");
    assert_eq!(error(Format::Combined, "").1, "missing field `event`");
}

#[test]
fn comments_and_order_do_not_change_the_digest_but_meaning_does() {
    let digest = |text: &str| Mapping::parse(Format::Combined, text).unwrap().digest();
    let swapped = with("price = \"0.01\"\ncurrency = \"EUR\"\n", "# Cheap.\ncurrency   =   \"EUR\"\nprice = '0.01'\n");
    assert_eq!(digest(&swapped), digest(APACHE));
    assert_ne!(digest(&with("\"0.01\"", "\"0.02\"")), digest(APACHE));
}

#[test]
fn every_column_knows_its_place() {
    for (index, (name, column)) in Column::NAMES.into_iter().enumerate() {
        assert_eq!((column.index(), column.name(), Column::parse(name)), (index, name, Some(column)));
    }
}
