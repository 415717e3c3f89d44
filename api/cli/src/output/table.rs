//! Rows under a header: for people, or as CSV for spreadsheets.

use super::{mode::is_csv, stream::STDOUT};

/// Rows for people: text to the left, numbers to the right. With `--output csv`, RFC 4180.
#[derive(Debug)]
pub(crate) struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(header: &[&str]) -> Self {
        Self { header: header.iter().map(|name| (*name).to_owned()).collect(), rows: Vec::new() }
    }

    pub(crate) fn push(&mut self, row: Vec<String>) {
        self.rows.push(row);
    }

    /// A row whose cells may have several lines.
    pub(crate) fn push_lines(&mut self, cells: Vec<Vec<String>>) {
        let lines = cells.iter().map(Vec::len).max().unwrap_or(0);
        for line in 0..lines {
            self.push(cells.iter().map(|cell| cell.get(line).cloned().unwrap_or_default()).collect());
        }
    }

    pub(crate) fn print(&self) {
        let lines = if is_csv() { self.csv() } else { self.aligned() };
        lines.iter().for_each(|text| STDOUT.line(text));
    }

    /// Records of RFC 4180, which end in CR LF; the LF comes with the line.
    fn csv(&self) -> Vec<String> {
        let records = std::iter::once(&self.header).chain(&self.rows);
        records.map(|row| format!("{}\r", row.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(","))).collect()
    }

    fn aligned(&self) -> Vec<String> {
        let columns = self.header.len();
        let width = |column: usize| {
            let cells = self.rows.iter().map(|row| row[column].chars().count());
            cells.chain([self.header[column].chars().count()]).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let number = |cell: &str| cell.chars().all(|c| c.is_ascii_digit() || ".-,".contains(c));
        let numeric: Vec<bool> = (0..columns).map(|column| self.rows.iter().all(|row| number(&row[column]))).collect();
        let mut lines = Vec::with_capacity(self.rows.len() + 1);
        for row in std::iter::once(&self.header).chain(&self.rows) {
            let cells: Vec<String> = (0..columns)
                .map(|column| match numeric[column] {
                    true => format!("{:>width$}", row[column], width = widths[column]),
                    false => format!("{:<width$}", row[column], width = widths[column]),
                })
                .collect();
            lines.push(cells.join("  ").trim_end().to_owned());
        }
        lines
    }
}

/// A field as RFC 4180 has it: what could be mistaken stands between quotes, and quotes are doubled.
fn quoted(cell: &str) -> String {
    match cell.contains(['"', ',', '\r', '\n']) || cell.starts_with(' ') || cell.ends_with(' ') {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_comes_back_from_any_reader() {
        let mut table = Table::new(&["ad", "spend"]);
        let odd = ["a,b", "say \"hi\"", "two\nlines", "cr\rlf\r\n", " spaces ", "", "-", "ü"];
        odd.iter().for_each(|cell| table.push(vec![(*cell).to_owned(), "0.10".to_owned()]));
        let text: String = table.csv().iter().map(|line| format!("{line}\n")).collect();
        assert!(text.starts_with("ad,spend\r\n\"a,b\",0.10\r\n\"say \"\"hi\"\"\",0.10\r\n"), "{text}");
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let cells: Vec<String> = reader.records().map(|record| record.unwrap()[0].to_owned()).collect();
        assert_eq!(cells, odd);
    }

    #[test]
    fn numbers_stand_to_the_right() {
        let mut table = Table::new(&["ad", "clicks"]);
        table.push(vec!["x".to_owned(), "7".to_owned()]);
        table.push(vec!["longer".to_owned(), "1234567".to_owned()]);
        assert_eq!(table.aligned(), ["ad       clicks", "x             7", "longer  1234567"]);
    }
}
