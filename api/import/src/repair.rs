//! Lines that are JSON but for what their writers did not escape as JSON wants it.
//!
//! A log format that is filled with texts as they are (nginx without `escape=json`, `printf` in a script) holds control
//! characters, `\xNN` escapes, and numbers like `NaN`. What was meant is clear, and no click is lost to it: control
//! characters and `\xNN` become the escapes and bytes that they stand for, such numbers become texts.

/// Numbers that JSON does not have.
const NO_NUMBERS: [&[u8]; 4] = [b"NaN", b"-Infinity", b"Infinity", b"-NaN"];

/// The line with every such place replaced; `None` if there is none.
#[cold]
pub(super) fn repaired(line: &[u8]) -> Option<Vec<u8>> {
    let (mut out, mut at, mut is_text, mut is_changed) = (Vec::with_capacity(line.len() + 64), 0, false, false);
    while let Some(&byte) = line.get(at) {
        let taken = if is_text { in_text(&line[at..], &mut out) } else { outside(&line[at..], &mut out) };
        if let Some(taken) = taken {
            (at, is_changed) = (at + taken, true);
            continue;
        }
        out.push(byte);
        at += 1;
        if byte == b'"' {
            is_text = !is_text;
        } else if let (true, b'\\', Some(&escaped)) = (is_text, byte, line.get(at)) {
            out.push(escaped);
            at += 1;
        }
    }
    is_changed.then_some(out)
}

/// Replaces what a text begins with, and says how many bytes that was.
fn in_text(rest: &[u8], out: &mut Vec<u8>) -> Option<usize> {
    match *rest {
        [control @ 0..=0x1f, ..] => {
            push(control, out);
            Some(1)
        }
        [b'\\', b'x', high, low, ..] => {
            let digits = [high, low];
            let digits = std::str::from_utf8(&digits).ok().filter(|digits| !digits.starts_with('+'))?;
            push(u8::from_str_radix(digits, 16).ok()?, out);
            Some(4)
        }
        _ => None,
    }
}

fn outside(rest: &[u8], out: &mut Vec<u8>) -> Option<usize> {
    let number = NO_NUMBERS.into_iter().find(|number| rest.starts_with(number))?;
    out.push(b'"');
    out.extend_from_slice(number);
    out.push(b'"');
    Some(number.len())
}

/// A byte of a text, escaped where JSON wants it.
fn push(byte: u8, out: &mut Vec<u8>) {
    match byte {
        0..=0x1f => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
        b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
        _ => out.push(byte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_writers_did_not_escape_is_what_it_stands_for() {
        for (line, expected) in [
            (b"{\"a\":\"x\ty\"}".as_slice(), Some(br#"{"a":"x\u0009y"}"#.as_slice())),
            (b"{\"a\":\"\0\"}", Some(br#"{"a":"\u0000"}"#)),
            (br#"{"a":"\x22\x5C\x0a"}"#, Some(br#"{"a":"\"\\\u000a"}"#)),
            (br#"{"a":"K\xC3\xB6ln \xff"}"#, Some(b"{\"a\":\"K\xc3\xb6ln \xff\"}")),
            (br#"{"a":NaN,"b":[-Infinity]}"#, Some(br#"{"a":"NaN","b":["-Infinity"]}"#)),
            (br#"{"a":"NaN \\x41 \"\n"}"#, None),
            (b"\t{\t}", None),
            (br#"{"a":"\x4"#, None),
            (br#"{"a":"\"#, None),
            (b"", None),
        ] {
            assert_eq!(repaired(line).as_deref(), expected, "{}", String::from_utf8_lossy(line));
        }
    }
}
