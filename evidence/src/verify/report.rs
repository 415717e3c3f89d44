//! What was found, in words and in numbers. Every number was computed from what was proved.

use std::fmt;

use serde::Serialize;

use super::failure::Failure;

/// Columns of a terminal.
const COLUMNS: usize = 80;

/// The outcome of a verification.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Whether everything that the bundle claims was proved.
    pub verified: bool,
    /// 0, or that of the failure.
    pub exit_code: u8,
    /// What it is about, in words.
    pub subject: String,
    /// What did not verify, and where; null if all did. Nothing behind it was looked at.
    pub failure: Option<Failure>,
    /// What was proved, in the order in which it was.
    pub proven: Vec<String>,
    /// What was not proved: what nothing in a bundle can prove, and what this one has not.
    pub not_proven: Vec<String>,
    /// Numbers by name.
    pub numbers: Numbers,
}

/// Numbers of a verification; zero where it did not come so far.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Numbers {
    /// Entries of the log at the head that was signed.
    pub log_size: u64,
    /// Hours of clicks whose manifests were checked.
    pub hours: u64,
    /// Of these, hours in which the advertiser has rows.
    pub hours_with_rows: u64,
    /// Hours of verdicts.
    pub verdict_hours: u64,
    /// Rows that were proved.
    pub rows: u64,
    /// Verdicts that were proved.
    pub verdicts: u64,
    /// Rows whose personal columns were proved.
    pub people: u64,
    /// Clicks that count, by what they count as.
    pub clicks: Clicks,
    /// What they cost, in millionths, by currency.
    pub spend_micros: std::collections::BTreeMap<String, String>,
    /// What all verdicts that are there would change of an invoice.
    pub ruled_otherwise: RuledOtherwise,
    /// Documents that were computed again.
    pub documents: u64,
    /// What they come to together, as in `5890.96 EUR`; null if it was not computed.
    pub total: Option<String>,
}

/// Clicks that count otherwise by verdicts which the last document does not know.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RuledOtherwise {
    /// How many.
    pub clicks: u64,
    /// What was billed for them above what all verdicts say, in millionths; below zero if it is less.
    pub spend_micros: String,
}

/// Clicks by what they count as.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Clicks {
    /// All of them.
    pub gross: i64,
    /// General invalid traffic.
    pub givt: i64,
    /// Sophisticated invalid traffic.
    pub sivt: i64,
    /// Repeats.
    pub duplicate: i64,
    /// By a rule of the house or by hand.
    pub policy: i64,
    /// What is paid for.
    pub billable: i64,
}

impl Report {
    /// A verification that has not begun.
    pub(super) fn new() -> Self {
        Self {
            verified: false,
            exit_code: 0,
            subject: "nothing was read yet".to_owned(),
            failure: None,
            proven: Vec::new(),
            not_proven: Vec::new(),
            numbers: Numbers::default(),
        }
    }

    /// Forgets what was proved: it was about bytes that are not those that were listed.
    pub(super) fn forget(&mut self) {
        self.proven.clear();
        self.not_proven.clear();
        self.numbers = Numbers::default();
    }

    /// The words of the report in lines of a terminal.
    pub fn for_terminal(&self) -> String {
        self.to_string().lines().map(|line| wrapped(line) + "\n").collect()
    }

    /// Of a file that could not even be opened.
    pub fn unread(failure: Failure) -> Self {
        Self::new().closed(Err(failure))
    }

    /// The end of it.
    #[must_use]
    pub(super) fn closed(mut self, outcome: Result<(), Failure>) -> Self {
        match outcome {
            Ok(()) => self.verified = true,
            Err(failure) => {
                self.exit_code = failure.kind.exit_code();
                self.failure = Some(failure);
            }
        }
        assert_eq!(self.verified, self.exit_code == 0, "what does not verify never ends with 0");
        assert!(!self.verified || !self.proven.is_empty(), "nothing verifies of which nothing was proved");
        self
    }
}

/// A text of a bundle on a terminal: what would move the cursor, or turn or hide letters, is escaped.
fn visible(text: &str) -> String {
    let is_odd = |letter: char| {
        letter.is_control()
            || matches!(letter,
                '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
    };
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match is_odd(letter) {
            true => shown.extend(letter.escape_unicode()),
            false => shown.push(letter),
        }
    }
    shown
}

/// A text in lines of a terminal, those behind the first set in. A word that is longer stays whole.
fn wrapped(text: &str) -> String {
    let (mut lines, mut width) = (String::with_capacity(text.len()), 0);
    for word in text.split(' ') {
        let letters = word.chars().count();
        if width > 0 && width + 1 + letters > COLUMNS {
            lines.push_str("\n  ");
            width = 2;
        } else if !lines.is_empty() {
            lines.push(' ');
            width += 1;
        }
        lines.push_str(word);
        width += letters;
    }
    lines
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.failure {
            None => {
                let total = self.numbers.total.as_ref().map_or_else(String::new, |total| format!(": {total}"));
                writeln!(f, "VERIFIED  {}{total}", visible(&self.subject))?;
            }
            Some(failure) => {
                let (kind, code) = (failure.kind.as_str(), self.exit_code);
                let head = format!("NOT VERIFIED ({kind}, exit code {code})  {}", visible(&self.subject));
                writeln!(f, "{head}\n\n{}", visible(&failure.to_string()))?;
            }
        }
        let list = |f: &mut fmt::Formatter<'_>, head: &str, items: &[String]| {
            if items.is_empty() {
                return Ok(());
            }
            writeln!(f, "\n{head}")?;
            items.iter().try_for_each(|item| writeln!(f, "- {}", visible(item)))
        };
        let head = if self.verified { "Proven:" } else { "Proven before that, which is worth nothing alone:" };
        list(f, head, &self.proven)?;
        list(f, "Not proven:", &self.not_proven)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn report_fits_a_terminal_and_its_first_line_has_the_total() {
        let mut report = Report::new();
        report.subject = "INV-00000001 of acme".to_owned();
        report.numbers.total = Some("2752.45 EUR".to_owned());
        report.proven.push("of the hours that are there each was signed as it is, and none is left out ".repeat(3));
        let shown = report.closed(Ok(())).for_terminal();
        assert_eq!(shown.lines().next(), Some("VERIFIED  INV-00000001 of acme: 2752.45 EUR"));
        assert!(shown.lines().count() > 5 && shown.lines().all(|line| line.chars().count() <= COLUMNS), "{shown}");
        assert_eq!(wrapped(&format!("- {}", "x".repeat(200))), format!("-\n  {}", "x".repeat(200)));
    }

    #[test]
    fn nothing_of_a_bundle_moves_a_cursor_or_turns_letters() {
        let mut report = Report::new();
        report.subject = "INV-1 of a\u{1b}[2J\u{9b}1A\nVERIFIED".to_owned();
        report.proven.push("ok \u{202e}ti".to_owned());
        report.not_proven.push("\u{e0041}ü\u{1f980}\r".to_owned());
        let shown = report.closed(Err(Failure::integrity("a\u{7f}b", "c\u{200f}d"))).to_string();
        assert!(shown.chars().all(|letter| letter == '\n' || !letter.is_control()), "{shown:?}");
        for hidden in ["\u{202e}", "\u{200f}", "\u{e0041}", "\nVERIFIED"] {
            assert!(!shown.contains(hidden), "{shown:?}");
        }
        assert!(shown.contains("ü\u{1f980}\\u{d}") && shown.contains("a\\u{7f}b: c\\u{200f}d"), "{shown:?}");
    }
}
