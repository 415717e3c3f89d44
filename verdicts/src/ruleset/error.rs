//! Why a ruleset is refused, and where.

use std::{fmt, io, ops::Range, path::PathBuf};

/// A place in a text, counted from 1 as editors do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

impl At {
    /// The place of the byte `offset` of `text`.
    pub(super) fn of(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Self { line, column }
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Why a ruleset cannot be used. Each error is for the person who wrote it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is no ruleset: change it there.
    #[error("{at}: {problem}")]
    Invalid {
        /// Where.
        at: At,
        /// What is wrong, naming the rule and the field.
        problem: String,
    },
    /// The ruleset, or a file that it names, cannot be read.
    #[error("read {}", .path.display())]
    Read {
        /// The file, as it was named.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A list that the ruleset names holds something else.
    #[error("{}, line {line}: {problem}", .path.display())]
    List {
        /// The list, as the ruleset names it.
        path: PathBuf,
        /// Where in the list.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// The address database that the ruleset names is damaged, or of another kind.
    #[error("{} is not a usable address database: {problem}", .path.display())]
    Database {
        /// The database, as the ruleset names it.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

impl Error {
    pub(super) fn invalid(text: &str, span: &Range<usize>, problem: impl Into<String>) -> Self {
        Self::Invalid { at: At::of(text, span.start), problem: problem.into() }
    }
}
