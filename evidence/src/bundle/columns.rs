//! The tables of a bundle, and their columns. Those of rows, verdicts and issued documents are the published columns of
//! the logs, behind `position` and `logged_at`: a leaf of a tree is the hash of a row of such a table.

use super::table::{Column, Kind};

/// Event columns, version 1, without those that are about a person.
pub const EVENTS_SCHEMA: &str = "cff16e09552ee9f7";
/// Verdict columns, version 1.
pub const VERDICTS_SCHEMA: &str = "2cce60180ecc27f8";
/// Columns of issued documents, version 1.
pub const ISSUED_SCHEMA: &str = "22846c6cca62c4fe";

const fn int(name: &'static str) -> Column {
    Column::new(name, Kind::Int)
}

const fn text(name: &'static str) -> Column {
    Column::new(name, Kind::Text)
}

const fn text_or_null(name: &'static str) -> Column {
    Column::or_null(name, Kind::Text)
}

const fn int_or_null(name: &'static str) -> Column {
    Column::or_null(name, Kind::Int)
}

/// `rows.csv`: the subject's events, in the order of their leaves.
pub static ROWS: [Column; 20] = [
    int("position"),
    int("logged_at"),
    text("event_id"),
    text("kind"),
    int("event_time"),
    int("captured_at"),
    text("advertiser_id"),
    text("campaign_id"),
    text("ad_id"),
    text_or_null("publisher_id"),
    text_or_null("placement_id"),
    text_or_null("device_type"),
    text_or_null("os"),
    text_or_null("browser"),
    text_or_null("country"),
    text_or_null("city"),
    int("price_micros"),
    text("currency"),
    text_or_null("click_event_id"),
    int_or_null("value_micros"),
];

/// `verdicts.csv`: every verdict on these events, in the order of their leaves.
pub static VERDICTS: [Column; 13] = [
    int("position"),
    int("logged_at"),
    int("target"),
    text("event_id"),
    text("decision"),
    text_or_null("category"),
    text("reasons"),
    int("score_permille"),
    text("ruleset"),
    text("stage"),
    int("decided_at"),
    text("actor"),
    text_or_null("note"),
];

/// `issued.csv`: what the log of issued documents says of the documents, in the order of their leaves.
pub static ISSUED: [Column; 21] = [
    int("position"),
    int("logged_at"),
    text("document"),
    text("series"),
    int("number"),
    text("kind"),
    text("advertiser_id"),
    text("currency"),
    text("period"),
    text("zone"),
    int("period_from"),
    int("period_to"),
    text("issued_on"),
    int("issued_at"),
    Column::new("total_minor", Kind::Decimal),
    int("minor_digits"),
    text_or_null("original_series"),
    int_or_null("original_number"),
    text("basis"),
    text("artefacts"),
    text("actor"),
];

/// `people.csv`: what is about a person in these events, in the order of their leaves. The salt is not part of the
/// encoded row; it stands in front of it.
pub static PEOPLE: [Column; 8] = [
    int("position"),
    text_or_null("user_id"),
    text_or_null("session_id"),
    text_or_null("ip"),
    text_or_null("user_agent"),
    text_or_null("page_url"),
    text_or_null("extra"),
    text("salt"),
];

/// `derivation.csv`: what each event counts as, by position.
pub static DERIVATION: [Column; 5] =
    [int("position"), text("counts_as"), int_or_null("verdict"), text_or_null("line"), int("micros")];

/// Places of columns that are asked for by name.
pub mod at {
    /// Of [`ROWS`](super::ROWS).
    pub mod rows {
        /// Where the event stands in the log.
        pub const POSITION: usize = 0;
        /// What its sender calls it.
        pub const EVENT_ID: usize = 2;
        /// Click, impression, conversion, probe or prefetch.
        pub const KIND: usize = 3;
        /// When it happened.
        pub const EVENT_TIME: usize = 4;
        /// Who pays.
        pub const ADVERTISER: usize = 6;
        /// For what.
        pub const CAMPAIGN: usize = 7;
        /// For which ad.
        pub const AD: usize = 8;
        /// What it charges if it is billable.
        pub const PRICE: usize = 16;
        /// In which currency.
        pub const CURRENCY: usize = 17;
    }

    /// Of [`VERDICTS`](super::VERDICTS).
    pub mod verdicts {
        /// Where the verdict stands in its log.
        pub const POSITION: usize = 0;
        /// The event that is judged.
        pub const TARGET: usize = 2;
        /// Valid or invalid.
        pub const DECISION: usize = 4;
        /// Why invalid.
        pub const CATEGORY: usize = 5;
        /// How it came about.
        pub const STAGE: usize = 9;
    }

    /// Of [`ISSUED`](super::ISSUED).
    pub mod issued {
        /// Digest of the document.
        pub const DOCUMENT: usize = 2;
        /// Its series.
        pub const SERIES: usize = 3;
        /// Its number.
        pub const NUMBER: usize = 4;
        /// Invoice or note.
        pub const KIND: usize = 5;
        /// Who pays.
        pub const ADVERTISER: usize = 6;
        /// In which currency.
        pub const CURRENCY: usize = 7;
        /// The name of its period.
        pub const PERIOD: usize = 8;
        /// Whose days that is made of.
        pub const ZONE: usize = 9;
        /// The first instant of the period.
        pub const PERIOD_FROM: usize = 10;
        /// The first behind it.
        pub const PERIOD_TO: usize = 11;
        /// The date on the document.
        pub const ISSUED_ON: usize = 12;
        /// What is to be paid.
        pub const TOTAL: usize = 14;
        /// How many digits of it stand behind the point.
        pub const MINOR_DIGITS: usize = 15;
        /// The invoice that a note corrects.
        pub const ORIGINAL_SERIES: usize = 16;
        /// Its number.
        pub const ORIGINAL_NUMBER: usize = 17;
        /// Digest of its basis.
        pub const BASIS: usize = 18;
    }

    /// Of [`PEOPLE`](super::PEOPLE).
    pub mod people {
        /// Where the event stands in the log.
        pub const POSITION: usize = 0;
        /// What keeps the leaf from being guessed.
        pub const SALT: usize = 7;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_columns_are_those_of_their_names() {
        for (table, place, name) in [
            (ROWS.as_slice(), at::rows::POSITION, "position"),
            (&ROWS, at::rows::EVENT_ID, "event_id"),
            (&ROWS, at::rows::KIND, "kind"),
            (&ROWS, at::rows::EVENT_TIME, "event_time"),
            (&ROWS, at::rows::ADVERTISER, "advertiser_id"),
            (&ROWS, at::rows::CAMPAIGN, "campaign_id"),
            (&ROWS, at::rows::AD, "ad_id"),
            (&ROWS, at::rows::PRICE, "price_micros"),
            (&ROWS, at::rows::CURRENCY, "currency"),
            (&VERDICTS, at::verdicts::POSITION, "position"),
            (&VERDICTS, at::verdicts::TARGET, "target"),
            (&VERDICTS, at::verdicts::DECISION, "decision"),
            (&VERDICTS, at::verdicts::CATEGORY, "category"),
            (&VERDICTS, at::verdicts::STAGE, "stage"),
            (&ISSUED, at::issued::DOCUMENT, "document"),
            (&ISSUED, at::issued::SERIES, "series"),
            (&ISSUED, at::issued::NUMBER, "number"),
            (&ISSUED, at::issued::KIND, "kind"),
            (&ISSUED, at::issued::ADVERTISER, "advertiser_id"),
            (&ISSUED, at::issued::CURRENCY, "currency"),
            (&ISSUED, at::issued::PERIOD, "period"),
            (&ISSUED, at::issued::ZONE, "zone"),
            (&ISSUED, at::issued::PERIOD_FROM, "period_from"),
            (&ISSUED, at::issued::PERIOD_TO, "period_to"),
            (&ISSUED, at::issued::ISSUED_ON, "issued_on"),
            (&ISSUED, at::issued::TOTAL, "total_minor"),
            (&ISSUED, at::issued::MINOR_DIGITS, "minor_digits"),
            (&ISSUED, at::issued::ORIGINAL_SERIES, "original_series"),
            (&ISSUED, at::issued::ORIGINAL_NUMBER, "original_number"),
            (&ISSUED, at::issued::BASIS, "basis"),
            (&PEOPLE, at::people::POSITION, "position"),
            (&PEOPLE, at::people::SALT, "salt"),
        ] {
            assert_eq!(table[place].name, name);
        }
    }
}
