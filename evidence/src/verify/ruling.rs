//! Which of several verdicts about an event stands: a person's over one that judged again, that over the live judge; of
//! two that weigh the same the later in the log of verdicts.

use super::basis::Known;

/// Why an event is not billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Category {
    Givt,
    Sivt,
    Duplicate,
    Policy,
}

impl Category {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Givt => "givt",
            Self::Sivt => "sivt",
            Self::Duplicate => "duplicate",
            Self::Policy => "policy",
        }
    }
}

/// What a verdict says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    Valid,
    Invalid(Category),
}

impl Decision {
    /// From the columns; the category is empty where there is none.
    pub(super) fn parse(decision: &str, category: &str) -> Option<Self> {
        let categories = [Category::Givt, Category::Sivt, Category::Duplicate, Category::Policy];
        match (decision, category) {
            ("valid", "") => Some(Self::Valid),
            ("invalid", text) => categories.into_iter().find(|known| known.as_str() == text).map(Self::Invalid),
            _ => None,
        }
    }
}

impl Decision {
    /// Why the event is not billed; `None`: it is.
    pub(super) const fn category(self) -> Option<Category> {
        match self {
            Self::Valid => None,
            Self::Invalid(category) => Some(category),
        }
    }
}

/// A verdict, as much of it as decides which one stands: 24 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) target: i64,
    pub(super) position: i64,
    pub(super) decision: Decision,
    pub(super) weight: u8,
}

/// The weight of the live judge.
pub(super) const LIVE: u8 = 0;

/// How strongly a stage speaks.
pub(super) fn rank_of(stage: &str) -> Option<u8> {
    match stage {
        "live" => Some(LIVE),
        "rejudge" | "query" => Some(1),
        "manual" => Some(2),
        _ => None,
    }
}

impl Verdict {
    /// Whether it is among those that are known.
    pub(super) const fn is_known(&self, known: Known) -> bool {
        match known {
            Known::Before(before) => self.position < before,
            Known::Live(_) => self.weight == LIVE,
        }
    }
}

/// The verdict that stands among those about one event, as far as they are known.
pub(super) fn standing(verdicts: &[Verdict], known: Known) -> Option<&Verdict> {
    let known = verdicts.iter().filter(|verdict| verdict.is_known(known));
    known.max_by_key(|verdict| (verdict.weight, verdict.position))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stronger_stage_stands_and_of_equals_the_later() {
        let verdict = |stage: &str, position| Verdict {
            target: 1,
            position,
            decision: Decision::Valid,
            weight: rank_of(stage).unwrap(),
        };
        for (first, second, later_stands) in [
            ("live", "live", true),
            ("live", "rejudge", true),
            ("live", "query", true),
            ("live", "manual", true),
            ("rejudge", "live", false),
            ("query", "live", false),
            ("rejudge", "query", true),
            ("query", "rejudge", true),
            ("query", "manual", true),
            ("manual", "live", false),
            ("manual", "rejudge", false),
            ("manual", "query", false),
            ("manual", "manual", true),
        ] {
            let verdicts = [verdict(second, 8), verdict(first, 7)];
            let found = standing(&verdicts, Known::Before(9)).unwrap();
            assert_eq!(found.position == 8, later_stands, "{first} then {second}");
            assert_eq!(standing(&verdicts, Known::Before(8)).unwrap().position, 7, "the later is not known");
            let live = standing(&verdicts, Known::Live(None)).map(|found| found.position);
            let expected = [(second, 8), (first, 7)].into_iter().find(|(stage, _)| *stage == "live");
            assert_eq!(live, expected.map(|(_, position)| position));
        }
        assert_eq!(standing(&[], Known::Before(9)), None);
        assert_eq!(rank_of("appeal"), None);
    }
}
