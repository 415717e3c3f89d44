//! The mapping of a list of clicks that somebody else keeps: it is compared and never becomes events, so it needs less.
//!
//! ```toml
//! [event]
//! event_id = { field = "click_id" }
//! event_time = { field = "time", format = "%d.%m.%Y %H:%M:%S" }
//! ad_id = { field = "ad" }
//! price = { field = "cpc" }
//! currency = "EUR"
//! ```

use super::mapping::{Column, Columns, Error, Format, Mapping};

impl Mapping {
    /// Reads the mapping of a list. It must say where time, price and currency come from, and either the event id or
    /// the ad. Whatever more it says is not looked at, so that the mapping of an import serves as well.
    ///
    /// # Errors
    /// As [`Mapping::parse`].
    pub fn parse_list(format: Format, text: &str) -> Result<Self, Error> {
        Self::parse_with(format, text, check)
    }
}

fn check(columns: &Columns) -> Result<(), String> {
    let has = |column: Column| columns.source(column).is_some();
    if let Some(missing) = [Column::EventTime, Column::Currency].into_iter().find(|column| !has(*column)) {
        return Err(format!("[event] does not say where {} comes from", missing.name()));
    }
    if !has(Column::Price) && !has(Column::PriceMicros) {
        return Err("[event] does not say where price (or price_micros) comes from".into());
    }
    match has(Column::EventId) || has(Column::AdId) {
        true => Ok(()),
        false => {
            Err("[event] says neither where event_id comes from nor ad_id: clicks are told apart by either".into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_needs_time_price_currency_and_what_tells_clicks_apart() {
        let rest =
            ["event_time = { field = \"t\" }", "price = \"0.25\"", "currency = \"EUR\"", "ad_id = { field = \"a\" }"];
        let parse = |lines: &[&str]| {
            let text = format!("[event]\n{}\n", lines.join("\n"));
            Mapping::parse_list(Format::Csv, &text).map(drop).map_err(|error| error.message)
        };
        assert_eq!(parse(&rest), Ok(()));
        assert_eq!(parse(&[&rest[..3], &["event_id = { field = \"id\" }"]].concat()), Ok(()));
        for (left_out, named) in [(0, "event_time"), (1, "price"), (2, "currency"), (3, "neither where event_id")] {
            let lines: Vec<&str> =
                rest.iter().enumerate().filter(|(at, _)| *at != left_out).map(|(_, it)| *it).collect();
            let refused = parse(&lines).unwrap_err();
            assert!(refused.contains(named), "{refused}");
        }
        assert!(parse(&[&rest[..], &["what = \"x\""]].concat()).unwrap_err().contains("what"));
    }
}
