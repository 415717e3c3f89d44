//! What an operation of invoicing leaves in the audit trail.

use clicktrail_log::time::Timestamp;

use crate::{audit, error::Error, session::Session, trail::AuditEntry};

/// An audit row names at most so many things, and says how many more there were.
const NAMED_MAX: usize = 100;

/// Who did it, when, and why if they said.
#[derive(Debug, Clone, Copy)]
pub(crate) struct By<'a> {
    pub(crate) actor: &'a str,
    pub(crate) reason: &'a str,
    pub(crate) at: Timestamp,
}

/// Adds a row about these things, unless there are none.
pub(crate) async fn write(
    session: &mut impl Session,
    by: By<'_>,
    action: &str,
    things: &[String],
) -> Result<(), Error> {
    if things.is_empty() {
        return Ok(());
    }
    let (actor, action, reason) = (by.actor.to_owned(), action.to_owned(), by.reason.to_owned());
    let entry = AuditEntry { actor, action, reason, detail: named(things), ..AuditEntry::default() };
    audit::add(session, &entry, by.at).await
}

/// `3: a, b, c`.
fn named(things: &[String]) -> String {
    let some = &things[..things.len().min(NAMED_MAX)];
    let more = things.len() - some.len();
    let and = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}: {}{and}", things.len(), some.join(", "))
}

#[cfg(test)]
mod tests {
    use super::{NAMED_MAX, named};

    #[test]
    fn audit_detail_names_a_limited_number_of_things() {
        assert_eq!(named(&["a".to_owned(), "b".to_owned()]), "2: a, b");
        assert!(named(&vec!["x".to_owned(); NAMED_MAX + 5]).ends_with(", x and 5 more"));
    }
}
