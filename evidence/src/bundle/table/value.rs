//! One value of a row, found in its text and checked to be in its one form.

use super::column::{Column, Kind};

/// A value, or where it stands in its row.
#[derive(Debug, Clone, Copy)]
pub(super) enum Slot {
    Null,
    Int(i64),
    Text(usize, usize),
    /// A text with quotes: where it stands among those.
    Quoted(usize, usize),
    Decimal(usize, usize),
}

/// More digits than this do not fit 64 bits.
const DIGITS_MAX: usize = 19;
const NOT_A_NUMBER: &str = "a number is not written as numbers are";
const TOO_LARGE: &str = "a number has more than 64 bits";

/// The value that begins at `at`, and where it ends. Of a text with quotes what it says is added to `quoted`.
pub(super) fn read(row: &str, at: usize, column: &Column, quoted: &mut String) -> Result<(Slot, usize), &'static str> {
    let bytes = row.as_bytes();
    match (bytes.get(at), column.kind) {
        (Some(b',' | b'\n'), _) if column.may_be_null => Ok((Slot::Null, at)),
        (Some(b',' | b'\n') | None, _) => Err("a value is missing"),
        (Some(b'"'), Kind::Text) => text(row, at + 1, quoted),
        (Some(_), Kind::Text) => Err("a text has no quotes around it"),
        (Some(_), Kind::Int) => int(bytes, at),
        (Some(_), Kind::Decimal) => {
            let length = bytes[at..].iter().take_while(|byte| !matches!(byte, b',' | b'\n')).count();
            match is_number(&bytes[at..at + length]) {
                true => Ok((Slot::Decimal(at, at + length), at + length)),
                false => Err(NOT_A_NUMBER),
            }
        }
    }
}

/// A number of 64 bits, digit by digit.
fn int(bytes: &[u8], at: usize) -> Result<(Slot, usize), &'static str> {
    let is_negative = bytes.get(at) == Some(&b'-');
    let from = at + usize::from(is_negative);
    let (mut end, mut number) = (from, 0_u64);
    while let Some(digit) = bytes.get(end).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit <= 9) {
        if end - from == DIGITS_MAX {
            return Err(TOO_LARGE);
        }
        // Nineteen digits fit 64 bits without a sign.
        number = number * 10 + u64::from(digit);
        end += 1;
    }
    let is_ended = matches!(bytes.get(end), Some(b',' | b'\n'));
    let is_padded = bytes.get(from) == Some(&b'0') && (end - from > 1 || is_negative);
    if end == from || is_padded || !is_ended {
        return Err(NOT_A_NUMBER);
    }
    let signed = if is_negative { 0_i64.checked_sub_unsigned(number) } else { i64::try_from(number).ok() };
    Ok((Slot::Int(signed.ok_or(TOO_LARGE)?), end))
}

/// A text behind its first quote.
fn text(row: &str, start: usize, quoted: &mut String) -> Result<(Slot, usize), &'static str> {
    let bytes = row.as_bytes();
    let quote = |from: usize| {
        let found = bytes.get(from..).and_then(first_quote);
        found.map(|at| from + at).ok_or("a text has no quote at its end")
    };
    let mut end = quote(start)?;
    if bytes.get(end + 1) != Some(&b'"') {
        return Ok((Slot::Text(start, end), end + 1));
    }
    let (begin, mut from) = (quoted.len(), start);
    while bytes.get(end + 1) == Some(&b'"') {
        // With the first of the two quotes.
        quoted.push_str(&row[from..=end]);
        from = end + 2;
        end = quote(from)?;
    }
    quoted.push_str(&row[from..end]);
    Ok((Slot::Quoted(begin, quoted.len()), end + 1))
}

/// Where the first quote stands: eight bytes a step.
fn first_quote(bytes: &[u8]) -> Option<usize> {
    const EACH: u64 = u64::from_le_bytes([1; 8]);
    const QUOTES: u64 = u64::from_le_bytes([b'"'; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    let (words, rest) = bytes.as_chunks::<8>();
    for (number, word) in words.iter().enumerate() {
        // A byte is zero where there is a quote. Subtracting one sets the high bit of the first zero byte, and of no
        // byte in front of it.
        let differs = u64::from_le_bytes(*word) ^ QUOTES;
        let zeros = differs.wrapping_sub(EACH) & !differs & HIGH;
        if zeros != 0 {
            return Some(number * 8 + (zeros.trailing_zeros() / 8) as usize);
        }
    }
    rest.iter().position(|byte| *byte == b'"').map(|at| words.len() * 8 + at)
}

/// Whether digits are a whole number in its one form.
pub fn is_number(digits: &[u8]) -> bool {
    let unsigned = digits.strip_prefix(b"-").unwrap_or(digits);
    let is_zero = unsigned == b"0" && unsigned.len() == digits.len();
    is_zero || (unsigned.first().is_some_and(|first| *first != b'0') && unsigned.iter().all(u8::is_ascii_digit))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn first_quote_is_found_among_any_bytes(
            mut bytes in prop::collection::vec(any::<u8>(), 0..40),
            at in 0..60_usize,
        ) {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = b'"';
            }
            prop_assert_eq!(first_quote(&bytes), bytes.iter().position(|byte| *byte == b'"'));
        }

        #[test]
        fn number_is_read_as_everybody_reads_it(text in "-?[0-9]{0,21}[,x\n]?") {
            let digits = text.trim_end_matches([',', '\n']);
            let expected = digits.parse::<i64>().ok().filter(|_| is_number(digits.as_bytes()) && digits != text);
            let read = int(text.as_bytes(), 0);
            let number = match read {
                Ok((Slot::Int(number), end)) if end == digits.len() => Some(number),
                _ => None,
            };
            prop_assert_eq!(number, expected, "{:?}", text);
        }
    }
}
