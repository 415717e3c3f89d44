//! What always holds, numbered: code, tests and documents cite these ids, and this is the one place that defines them.
//!
//! [`invariant!`](crate::invariant) asserts one where state changes, in release too: a broken invariant stops the task
//! that would write on top of it, and what is stored stays right.

use std::fmt;

macro_rules! invariants {
    ($($id:ident $text:literal,)+) => {
        /// One of them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Invariant {
            $(#[doc = $text] $id,)+
        }

        impl Invariant {
            /// All, by number.
            pub const ALL: &[Self] = &[$(Self::$id),+];

            /// Its id, as code and documents cite it: `I1`.
            pub const fn id(self) -> &'static str {
                match self {
                    $(Self::$id => stringify!($id),)+
                }
            }

            /// What holds.
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$id => $text,)+
                }
            }
        }
    };
}

invariants! {
    I1 "Every acknowledged event is in the log exactly once, for ever, and is read.",
    I2 "What was received is logged, rejected or refused: received = logged + rejected + refused.",
    I3 "A sealed hour never changes.",
    I4 "Hours are contiguous: an hour's first frame follows the last frame of the hour before, within an epoch.",
    I5 "The same log and ruleset give the same verdicts, live, restarted or replayed.",
    I6 "The same inputs and code give the same segment, to the byte.",
    I7 "Every click is exactly one of billable, invalid and not yet judged; nothing unjudged is owed.",
    I8 "A sealed segment equals the hot partials that it replaces.",
    I9 "Live pointers change only in a promotion, and all of it at once.",
    I10 "An issued invoice never changes, and invoice and notes add up to the rounded truth.",
    I11 "Erasing personal data changes no invoice.",
    I12 "Nothing reads a clock or a random source inside a fold.",
    I13 "No stranger's request changes what another advertiser owes.",
    I14 "Memory is bounded by bytes, not by counts.",
}

impl fmt::Display for Invariant {
    /// `I3: a sealed hour never changes.`, as it stands in a panic.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.id(), self.text())
    }
}

/// Asserts a numbered invariant, in release too: `invariant!(I4, first == previous.next(), "{hour} begins at
/// {first}")`.
///
/// For what only a defect of this program could break. Bad input from outside is an error, never this.
#[macro_export]
macro_rules! invariant {
    ($id:ident, $holds:expr, $($detail:tt)+) => {
        assert!($holds, "broken {} Here: {}", $crate::invariants::Invariant::$id, format_args!($($detail)+))
    };
}

#[cfg(test)]
mod tests {
    use super::Invariant;

    #[test]
    fn a_broken_invariant_is_named_with_its_text() {
        let broken = std::panic::catch_unwind(|| invariant!(I4, 1 + 1 == 3, "hour {} begins elsewhere", 7));
        let message = broken.unwrap_err().downcast::<String>().unwrap();
        assert_eq!(*message, format!("broken {} Here: hour 7 begins elsewhere", Invariant::I4));
    }

    #[test]
    fn ids_are_numbered_without_holes() {
        let ids: Vec<_> = Invariant::ALL.iter().map(|invariant| invariant.id()).collect();
        assert_eq!(ids, (1..=ids.len()).map(|number| format!("I{number}")).collect::<Vec<_>>());
    }
}
