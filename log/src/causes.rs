//! An error with everything that caused it, for log lines and reports.

use std::error::Error;

/// The error and its causes as one line, outermost first.
pub fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
