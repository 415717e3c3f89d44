//! Who writes to whom.

use clicktrail_invoices::{Address, Party};

use crate::{
    language::Words,
    sheet::{Fact, Letterhead},
    shown::Shown,
};

/// Countries where the postal code stands behind the city.
const CODE_BEHIND: [&str; 10] = ["AU", "CA", "GB", "HK", "IE", "IN", "NZ", "SG", "US", "ZA"];

/// A party with its address and, where `words` are given, with its numbers.
pub(crate) fn of(party: &Party, words: Option<&Words>, shown: &mut Shown<'_>) -> Letterhead {
    let facts = words.map(|words| numbers(party, words, shown)).unwrap_or_default();
    Letterhead { name: shown.text(&party.name), lines: address(&party.address, shown), facts }
}

fn numbers(party: &Party, words: &Words, shown: &mut Shown<'_>) -> Vec<Fact> {
    let known = [(words.tax_id, &party.tax_id), (words.registration, &party.registration)];
    let known = known.into_iter().filter_map(|(label, number)| Some((label, number.as_ref()?)));
    known.map(|(label, number)| (label.to_owned(), shown.text(number))).collect()
}

fn address(address: &Address, shown: &mut Shown<'_>) -> Vec<String> {
    let Address { lines, city, postcode, country } = address;
    let city = match CODE_BEHIND.contains(&country.as_str()) {
        true => [city.as_str(), postcode],
        false => [postcode.as_str(), city],
    };
    let city: Vec<&str> = city.into_iter().filter(|part| !part.is_empty()).collect();
    let last = [city.join(" "), country.clone()];
    let all = lines.iter().chain(&last).filter(|line| !line.is_empty());
    all.map(|line| shown.text(line)).collect()
}

/// What letters of a company must say of it.
pub(crate) fn legal(seller: &Party, words: &Words, shown: &mut Shown<'_>) -> Vec<String> {
    let mut legal = vec![shown.text(&seller.name)];
    legal.extend(numbers(seller, words, shown).into_iter().map(|(label, number)| format!("{label} {number}")));
    legal.extend(seller.email.as_deref().map(|email| shown.text(email)));
    legal
}
