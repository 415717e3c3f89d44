//! How a document speaks: its words, and the forms of numbers and dates.

mod english;
mod french;
mod german;
mod spanish;
mod words;

use chrono::{Datelike as _, NaiveDate};
use clicktrail_invoices::{Cycle, Language, PeriodName};

pub(crate) use words::{Words, fill};

use english::ENGLISH;
use french::FRENCH;
use german::GERMAN;
use spanish::SPANISH;

/// The words of a language.
pub(crate) const fn words(language: Language) -> &'static Words {
    match language {
        Language::English => &ENGLISH,
        Language::German => &GERMAN,
        Language::French => &FRENCH,
        Language::Spanish => &SPANISH,
    }
}

/// How a language writes numbers.
struct Numbers {
    point: char,
    group: char,
    /// Digits before the point from which they are grouped.
    grouped_from: usize,
}

const fn numbers(language: Language) -> Numbers {
    match language {
        Language::English => Numbers { point: '.', group: ',', grouped_from: 4 },
        Language::German => Numbers { point: ',', group: '.', grouped_from: 4 },
        // A narrow space that no line breaks at.
        Language::French => Numbers { point: ',', group: '\u{202f}', grouped_from: 4 },
        Language::Spanish => Numbers { point: ',', group: '.', grouped_from: 5 },
    }
}

/// Decimals as people write them: `-1234.50` is `-1,234.50` in English and `-1.234,50` in German.
pub(crate) fn number(language: Language, decimals: &str) -> String {
    let Numbers { point, group, grouped_from } = numbers(language);
    let (sign, digits) = decimals.strip_prefix('-').map_or(("", decimals), |rest| ("-", rest));
    let (whole, behind) = digits.split_once('.').map_or((digits, None), |(whole, behind)| (whole, Some(behind)));
    let mut text = sign.to_owned();
    for (at, digit) in whole.chars().enumerate() {
        let left = whole.len().saturating_sub(at);
        if at > 0 && left % 3 == 0 && whole.len() >= grouped_from {
            text.push(group);
        }
        text.push(digit);
    }
    if let Some(behind) = behind {
        text.push(point);
        text.push_str(behind);
    }
    text
}

/// A date: `1 April 2026`, `01.04.2026`, `01/04/2026`. Month and day are never mistaken for each other: the languages
/// that write both as numbers write the day first.
pub(crate) fn date(language: Language, date: NaiveDate) -> String {
    match language {
        Language::English => {
            format!("{} {} {}", date.day(), month(language, date), date.year())
        }
        Language::German => date.format("%d.%m.%Y").to_string(),
        Language::French | Language::Spanish => date.format("%d/%m/%Y").to_string(),
    }
}

/// A period's name: `March 2026`, `KW 10/2026`.
pub(crate) fn period(language: Language, name: PeriodName) -> String {
    let first = name.first_day();
    match name.cycle() {
        Cycle::Month => {
            let between = match language {
                Language::English | Language::German | Language::French => " ",
                Language::Spanish => " de ",
            };
            format!("{}{between}{}", month(language, first), first.year())
        }
        Cycle::Week => {
            let week = first.iso_week();
            let (year, week) = (week.year(), week.week());
            match language {
                Language::English => format!("week {week} of {year}"),
                Language::German => format!("KW {week}/{year}"),
                Language::French => format!("semaine {week} de {year}"),
                Language::Spanish => format!("semana {week} de {year}"),
            }
        }
    }
}

/// The dates of a period, both within it.
pub(crate) fn dates(language: Language, name: PeriodName) -> String {
    format!("{} – {}", date(language, name.first_day()), date(language, name.last_day()))
}

fn month(language: Language, date: NaiveDate) -> &'static str {
    let names = words(language).months;
    let at = usize::try_from(date.month0()).expect("a month is less than twelve");
    names[at]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(decimals: &str, english: &str, german: &str, french: &str, spanish: &str) {
        let shown = |language| number(language, decimals);
        assert_eq!(shown(Language::English), english);
        assert_eq!(shown(Language::German), german);
        assert_eq!(shown(Language::French), french);
        assert_eq!(shown(Language::Spanish), spanish);
    }

    #[test]
    fn numbers_are_grouped_as_each_language_does() {
        check("0.00", "0.00", "0,00", "0,00", "0,00");
        check("-12.30", "-12.30", "-12,30", "-12,30", "-12,30");
        check("123", "123", "123", "123", "123");
        check("1234.5", "1,234.5", "1.234,5", "1\u{202f}234,5", "1234,5");
        check("-1234567.890", "-1,234,567.890", "-1.234.567,890", "-1\u{202f}234\u{202f}567,890", "-1.234.567,890");
    }

    #[test]
    fn dates_and_periods_are_written_as_each_language_does() {
        let day = NaiveDate::from_ymd_opt(2026, 3, 1).unwrap();
        let month = PeriodName::of(Cycle::Month, day).unwrap();
        let week = PeriodName::of(Cycle::Week, day).unwrap();
        let shown = |language| [date(language, day), period(language, month), period(language, week)];
        assert_eq!(shown(Language::English), ["1 March 2026", "March 2026", "week 9 of 2026"]);
        assert_eq!(shown(Language::German), ["01.03.2026", "März 2026", "KW 9/2026"]);
        assert_eq!(shown(Language::French), ["01/03/2026", "mars 2026", "semaine 9 de 2026"]);
        assert_eq!(shown(Language::Spanish), ["01/03/2026", "marzo de 2026", "semana 9 de 2026"]);
        assert_eq!(dates(Language::English, month), "1 March 2026 – 31 March 2026");
    }
}
