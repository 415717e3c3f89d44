//! Comma-separated values (RFC 4180), one record a line.
//!
//! A quoted cell may hold the delimiter and doubled quotes, but no line break: so one lost quote spoils one line, and
//! not the rest of the file. An empty cell is no value. Where a file has no quotes (`quote = ""`, as tab-separated
//! files often have it), a quote is a character like any other.
//!
//! Not the `csv` crate, which reads the small files that people write themselves (`ads import`): it finds cells in any
//! line and never says that a quote is wrong. `a,b"c` would be the cells `a` and `b"c`, `"a"b,c` the cells `ab` and
//! `c`, and `a,"b` the cells `a` and `b`: an event with a wrong price or a wrong ad would be billed where now a line
//! is rejected. Telling the three apart takes the place and the quoting of every cell in the line, which that crate
//! does not give: the check on top would be this parser again, and every line would be read twice.

use std::borrow::Cow;

use super::value::{Malformed, Value};

/// What tells cells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dialect {
    /// ASCII.
    pub(super) delimiter: u8,
    /// ASCII, and another; `None`: cells are never quoted.
    pub(super) quote: Option<u8>,
}

/// Splits a line into cells.
pub(super) fn split(line: &str, dialect: Dialect) -> Result<Vec<Cow<'_, str>>, Malformed> {
    let delimiter = char::from(dialect.delimiter);
    let Some(quote) = dialect.quote.map(char::from) else {
        return Ok(line.split(delimiter).map(Cow::Borrowed).collect());
    };
    let mut cells = Vec::new();
    let mut rest = line;
    loop {
        let number = cells.len() + 1;
        let after = if let Some(quoted) = rest.strip_prefix(quote) {
            let (cell, after) = closing_quote(quoted, quote)?;
            cells.push(cell);
            after
        } else {
            let end = rest.find(delimiter).unwrap_or(rest.len());
            if rest[..end].contains(quote) {
                return Err(Malformed::Quote(number));
            }
            cells.push(Cow::Borrowed(&rest[..end]));
            &rest[end..]
        };
        if after.is_empty() {
            return Ok(cells);
        }
        rest = after.strip_prefix(delimiter).ok_or(Malformed::Quote(number))?;
    }
}

/// The cells of a line in the order of the header, which has `columns`.
pub(super) fn parse<'a>(
    line: &'a str,
    dialect: Dialect,
    columns: usize,
    values: &mut Vec<Option<Value<'a>>>,
) -> Result<(), Malformed> {
    let cells = split(line, dialect)?;
    if cells.len() != columns {
        return Err(Malformed::Cells { found: cells.len(), expected: columns });
    }
    values.clear();
    values.extend(cells.into_iter().map(|cell| (!cell.is_empty()).then_some(Value::Text(cell))));
    Ok(())
}

/// A cell from behind its opening quote, and what follows its closing quote.
fn closing_quote(text: &str, quote: char) -> Result<(Cow<'_, str>, &str), Malformed> {
    let mut plain = Cow::Borrowed("");
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once(quote).ok_or(Malformed::Unclosed("a cell"))?;
        let Some(more) = after.strip_prefix(quote) else {
            plain += before;
            return Ok((plain, after));
        };
        plain.to_mut().push_str(&rest[..=before.len()]);
        rest = more;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMAS: Dialect = Dialect { delimiter: b',', quote: Some(b'"') };

    #[test]
    fn cells_are_split_as_the_rfc_says() {
        for (line, expected) in [
            ("a,b,c", vec!["a", "b", "c"]),
            ("a,,", vec!["a", "", ""]),
            ("", vec![""]),
            (r#""a,b",c"#, vec!["a,b", "c"]),
            (r#""say ""hi""","",x"#, vec![r#"say "hi""#, "", "x"]),
            (r#""""""#, vec![r#"""#]),
            (" a , b ", vec![" a ", " b "]),
        ] {
            assert_eq!(split(line, COMMAS).unwrap(), expected, "{line}");
        }
        assert_eq!(split("a;b,c", Dialect { delimiter: b';', ..COMMAS }).unwrap(), ["a", "b,c"]);
    }

    #[test]
    fn broken_quotes_are_refused() {
        assert_eq!(split(r#"a,"b"#, COMMAS), Err(Malformed::Unclosed("a cell")));
        assert_eq!(split(r#"a,b"c"#, COMMAS), Err(Malformed::Quote(2)));
        assert_eq!(split(r#""a"b,c"#, COMMAS), Err(Malformed::Quote(1)));
        let cells = Malformed::Cells { found: 2, expected: 3 };
        assert_eq!(parse("a,b", COMMAS, 3, &mut Vec::new()), Err(cells));
    }

    #[test]
    fn without_a_quote_every_character_is_one() {
        let tabs = Dialect { delimiter: b'\t', quote: None };
        for (line, expected) in [
            ("\"a\tb\"\"\t5' 9\" tall", vec!["\"a", "b\"\"", "5' 9\" tall"]),
            ("{\"k\":[1,2]}\t\t", vec!["{\"k\":[1,2]}", "", ""]),
            ("", vec![""]),
        ] {
            assert_eq!(split(line, tabs).unwrap(), expected, "{line}");
        }
        let single = Dialect { delimiter: b',', quote: Some(b'\'') };
        assert_eq!(split("'a,''b',c\"", single).unwrap(), ["a,'b", "c\""]);
    }
}
