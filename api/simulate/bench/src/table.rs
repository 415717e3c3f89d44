//! The table that is printed at the end.

use std::{fmt::Display, io::Write as _};

use serde::{Serialize, Serializer, ser::SerializeStruct as _};

/// What was measured, row by row.
#[derive(Debug, Default)]
pub(crate) struct Table(Vec<Row>);

/// One figure.
#[derive(Debug)]
pub(crate) struct Row {
    what: String,
    measured: String,
    target: String,
    /// `None`: there is nothing to meet.
    met: Option<bool>,
}

/// What a figure must be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    AtLeast(f64),
    AtMost(f64),
}

impl Table {
    /// A figure for comparison.
    pub(crate) fn say(&mut self, what: impl Display, measured: impl Display) {
        self.push(what, measured, String::new(), None);
    }

    /// A figure with a target; `shown` writes both.
    pub(crate) fn judge(&mut self, what: impl Display, value: f64, target: Target, shown: impl Fn(f64) -> String) {
        let (words, met) = match target {
            Target::AtLeast(bound) => (format!("≥ {}", shown(bound)), value >= bound),
            Target::AtMost(bound) => (format!("≤ {}", shown(bound)), value <= bound),
        };
        self.push(what, shown(value), words, Some(met));
    }

    fn push(&mut self, what: impl Display, measured: impl Display, target: String, met: Option<bool>) {
        let row = Row { what: what.to_string(), measured: measured.to_string(), target, met };
        note(&format!("  {}: {}", row.what, row.measured));
        self.0.push(row);
    }

    pub(crate) fn rows(&self) -> &[Row] {
        &self.0
    }

    pub(crate) fn all_met(&self) -> bool {
        self.0.iter().all(|row| row.met != Some(false))
    }

    pub(crate) fn print(&self) {
        let head = ["what", "measured", "target", "met"].map(str::to_owned);
        let met = |met| match met {
            None => "",
            Some(true) => "yes",
            Some(false) => "NO",
        };
        let mut lines = vec![head];
        lines.extend(
            self.0
                .iter()
                .map(|row| [row.what.clone(), row.measured.clone(), row.target.clone(), met(row.met).to_owned()]),
        );
        let widths: [usize; 4] =
            std::array::from_fn(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0));
        let mut out = std::io::stdout().lock();
        for [what, measured, target, met] in &lines {
            let [a, b, c, d] = widths;
            let _ = writeln!(out, "| {what:a$} | {measured:>b$} | {target:>c$} | {met:d$} |");
            if what == "what" {
                let _ = writeln!(
                    out,
                    "|{}|{}:|{}:|{}|",
                    "-".repeat(a + 2),
                    "-".repeat(b + 1),
                    "-".repeat(c + 1),
                    "-".repeat(d + 2)
                );
            }
        }
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (figure, unit) = figure_and_unit(&self.measured);
        let mut row = serializer.serialize_struct("Row", 5)?;
        row.serialize_field("what", &self.what)?;
        row.serialize_field("figure", &figure)?;
        row.serialize_field("unit", unit)?;
        row.serialize_field("target", &(!self.target.is_empty()).then_some(&self.target))?;
        row.serialize_field("met", &self.met)?;
        row.end()
    }
}

/// `1,234.5 MiB` as 1234.5 and `MiB`; without a number in front all of it is the unit.
fn figure_and_unit(measured: &str) -> (Option<f64>, &str) {
    let end = measured.find(|c: char| !c.is_ascii_digit() && c != ',' && c != '.').unwrap_or(measured.len());
    let (figure, unit) = measured.split_at(end);
    match figure.replace(',', "").parse() {
        Ok(figure) => (Some(figure), unit.trim()),
        Err(_) => (None, measured),
    }
}

/// Progress, on stderr.
pub(crate) fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// `1,234,567/s`.
pub(crate) fn rate(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text + "/s"
}

/// `0.41 ×`.
pub(crate) fn ratio(value: f64) -> String {
    format!("{value:.2} ×")
}

/// Seconds as `1.23 ms`.
pub(crate) fn millis(seconds: f64) -> String {
    format!("{:.2} ms", seconds * 1_000.0)
}

/// Bytes as `1.23 GiB`.
pub(crate) fn gib(bytes: f64) -> String {
    format!("{:.2} GiB", bytes / f64::from(1_u32 << 30))
}

/// A count as a number to divide; exact up to 2^53.
#[allow(clippy::cast_precision_loss, reason = "a rate needs no sixteenth digit")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

/// The value below which `permille` of the sorted values lie; the last for 1,000.
pub(crate) fn quantile<T: Copy>(sorted: &[T], permille: usize) -> Option<T> {
    let last = sorted.len().checked_sub(1)?;
    Some(sorted[(sorted.len() * permille / 1_000).min(last)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_recorded_as_figure_and_unit() {
        let mut table = Table::default();
        table.judge("seal", 1_234_567.0, Target::AtLeast(400_000.0), rate);
        table.say("disk", "none");
        let rows = serde_json::to_string(table.rows()).unwrap();
        let seal = r#"{"what":"seal","figure":1234567.0,"unit":"/s","target":"≥ 400,000/s","met":true}"#;
        let disk = r#"{"what":"disk","figure":null,"unit":"none","target":null,"met":null}"#;
        assert_eq!(rows, format!("[{seal},{disk}]"));
        assert_eq!(figure_and_unit("53.1 B (30.2 core)"), (Some(53.1), "B (30.2 core)"));
    }
}
