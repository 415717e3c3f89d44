//! Why there is no paper or no XML.

use std::time::Duration;

/// Why something cannot be rendered. Each variant says what the caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The template is to be changed there.
    #[error("the template is wrong{}: {problem}", at(*line))]
    Template {
        /// The line, from 1, where one can be named.
        line: Option<usize>,
        /// What is wrong, in the typesetter's words.
        problem: String,
    },
    /// The template never came to an end, or would have taken too long.
    #[error("the template did not end within {} seconds: it loops, or does too much for each line", .0.as_secs())]
    TooSlow(Duration),
    /// The template makes a book of it.
    #[error("the template makes {pages} pages of it, more than {max}")]
    TooManyPages {
        /// How many there were.
        pages: usize,
        /// How many there may be.
        max: usize,
    },
    /// A file is no font.
    #[error("{file} is no font that can be used: {problem}")]
    Font {
        /// The file.
        file: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The typesetter broke down. No input should do that.
    #[error("the typesetter failed: {0}")]
    Typesetter(String),
    /// The document breaks rules of EN 16931: what it says of seller or customer is to be corrected.
    #[error("the document is no invoice by EN 16931:{}", lines(.0))]
    Rules(Vec<Finding>),
    /// The document contradicts itself or holds numbers that nobody bills.
    #[error("the document cannot be rendered: {0}")]
    Document(String),
}

/// A rule of EN 16931 that a document breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule's name, as in `BR-CO-09`.
    pub rule: String,
    /// Where, as in `BG-25[2]/BT-151`, and the rule's own words.
    pub problem: String,
}

fn at(line: Option<usize>) -> String {
    line.map(|line| format!(" in line {line}")).unwrap_or_default()
}

/// Findings that a message shows.
const SHOWN_MAX: usize = 10;

fn lines(findings: &[Finding]) -> String {
    let shown = findings.iter().take(SHOWN_MAX).map(|finding| format!("\n  {}: {}", finding.rule, finding.problem));
    let rest = findings.len().saturating_sub(SHOWN_MAX);
    let more = (rest > 0).then(|| format!("\n  and {rest} more"));
    shown.chain(more).collect()
}
