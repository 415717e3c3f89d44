//! What happens to bytes on their way: bits flip, ends are missing, numbers are huge, text is no text, brackets never
//! end.

use clicktrail_evidence::made_up::Random;

/// Input does not grow beyond this.
const BYTES_MAX: usize = 256 << 10;

/// Numbers at the edges of their types, and no numbers.
const NUMBERS: [&str; 22] = [
    "0",
    "-0",
    "-1",
    "00",
    "1.5",
    "0.0000001",
    "255",
    "256",
    "65536",
    "2147483648",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "340282366920938463463374607431768211456",
    "1e400",
    "1e-400",
    "NaN",
    "99999999999999999999999999999999999999999999999999999999999999999999999999999999",
];
/// Text that is seldom expected: escapes, ends of lines, marks of direction, halves of pairs, what is no UTF-8.
const TEXTS: [&[u8]; 34] = [
    b"",
    b" ",
    b"\0",
    b"\n",
    b"\r",
    b"\r\n",
    b"\t",
    b"\"",
    b"'",
    b"''",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"\\udc00\\ud800",
    b"\\x",
    b"%",
    b"%00",
    b"%zz",
    b"%ff%fe",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\x80",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xe2\x80\xae",
    b"e\xcc\x81",
    b"\xc4\xb0",
    b"\xf0\x9f\x92\xa9",
    b"\xe2\x80\xa8",
    b"--",
    b"#",
    b"null",
    b"1970-01-01T00:00:00Z",
];
/// What opens and may never be closed.
const OPENERS: [&[u8]; 14] =
    [b"[", b"{", b"{\"a\":", b"[[", b"(", b"((", b"\"", b"'", b"<", b"-", b"a.", b"NOT ", b"/*", b"{a={"];

/// One of the examples, damaged once or a few times. `words` are put in as they are.
pub fn of_examples(random: &mut Random, examples: &[Vec<u8>], words: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = random.of(examples).clone();
    for _ in 0..1 + random.below(3) {
        let other = random.of(examples);
        once(random, &mut bytes, other, words);
        bytes.truncate(BYTES_MAX);
    }
    bytes
}

/// Damages bytes in one way.
pub fn once(random: &mut Random, bytes: &mut Vec<u8>, other: &[u8], words: &[Vec<u8>]) {
    let at = random.place(bytes.len() + 1);
    let end = (at + 1 + random.place(64)).min(bytes.len());
    match random.below(16) {
        0 | 1 => flip(random, bytes),
        2 => bytes.truncate(at),
        3 => drop(bytes.splice(at.min(end)..end, [])),
        4 => drop(bytes.splice(at..at, bytes[at.min(end)..end].repeat(1 + random.place(8)))),
        5 => splice(random, bytes, other),
        6 => overwrite(random, bytes),
        7 | 8 => number(random, bytes),
        9 | 10 => insert(bytes, at, random.of::<&[u8]>(&TEXTS)),
        11 => drop(bytes.splice(at.min(end)..end, random.of(&TEXTS).iter().copied())),
        12 => deepen(random, bytes, at),
        13 => lines(random, bytes),
        14 if !words.is_empty() => insert(bytes, at, random.of::<Vec<u8>>(words).as_slice()),
        14 => insert(bytes, at, random.of(&NUMBERS).as_bytes()),
        _ => lengthen(random, bytes, at),
    }
}

fn insert(bytes: &mut Vec<u8>, at: usize, text: &[u8]) {
    drop(bytes.splice(at..at, text.iter().copied()));
}

fn flip(random: &mut Random, bytes: &mut [u8]) {
    let place = random.place(bytes.len());
    if let Some(byte) = bytes.get_mut(place) {
        *byte ^= 1 << random.below(8);
    }
}

/// The beginning of one, the end of another.
fn splice(random: &mut Random, bytes: &mut Vec<u8>, other: &[u8]) {
    bytes.truncate(random.place(bytes.len() + 1));
    bytes.extend_from_slice(&other[random.place(other.len() + 1)..]);
}

/// A length or an offset, of any width and order, says something else.
fn overwrite(random: &mut Random, bytes: &mut [u8]) {
    let near = (bytes.len() as u64).wrapping_add(random.below(17)).wrapping_sub(8);
    let edges = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0xffff_ffff, i64::MAX.unsigned_abs(), u64::MAX];
    let value = if random.has(300) { near } else { *random.of(&edges) };
    let width = *random.of(&[1, 2, 4, 8]);
    let written =
        if random.has(500) { value.to_le_bytes()[..width].to_vec() } else { value.to_be_bytes()[8 - width..].to_vec() };
    let at = random.place(bytes.len());
    bytes.iter_mut().skip(at).zip(written).for_each(|(byte, new)| *byte = new);
}

/// A number in a text is another.
fn number(random: &mut Random, bytes: &mut Vec<u8>) {
    let begins = |at: &usize| bytes[*at].is_ascii_digit() && (*at == 0 || !bytes[*at - 1].is_ascii_digit());
    let starts: Vec<usize> = (0..bytes.len()).filter(begins).collect();
    let Some(start) = starts.get(random.place(starts.len())).copied() else { return flip(random, bytes) };
    let digits = bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    drop(bytes.splice(start..start + digits, random.of(&NUMBERS).bytes()));
}

/// Brackets within brackets.
fn deepen(random: &mut Random, bytes: &mut Vec<u8>, at: usize) {
    let opener = random.of(&OPENERS);
    insert(bytes, at, &opener.repeat(*random.of(&[3, 200, 20_000])));
}

/// A line is missing, there twice, or elsewhere.
fn lines(random: &mut Random, bytes: &mut Vec<u8>) {
    let mut lines: Vec<Vec<u8>> = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    if lines.is_empty() {
        return;
    }
    let (one, other) = (random.place(lines.len()), random.place(lines.len()));
    match random.below(3) {
        0 => drop(lines.remove(one)),
        1 => lines.insert(other, lines[one].clone()),
        _ => lines.swap(one, other),
    }
    *bytes = lines.concat();
}

/// Something goes on for long.
fn lengthen(random: &mut Random, bytes: &mut Vec<u8>, at: usize) {
    let byte = bytes.get(at).copied().unwrap_or(b'a');
    let text = if random.has(500) { vec![byte] } else { random.of(&TEXTS).to_vec() };
    insert(bytes, at, &text.repeat(*random.of(&[70, 300, 5_000, 70_000])));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_damage_and_another_gives_another() {
        let examples = [b"{\"a\":[1,2,3]}\n".to_vec(), b"x=1\ny=2\n".to_vec()];
        let drawn = |from: u64| -> Vec<Vec<u8>> {
            (from..from + 300).map(|seed| of_examples(&mut Random::new(seed), &examples, &[])).collect()
        };
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(1_000));
        let kept = drawn(1).iter().filter(|bytes| examples.contains(bytes)).count();
        assert!(kept < 30, "{kept} of 300 are undamaged");
        assert!(drawn(1).iter().all(|bytes| bytes.len() <= BYTES_MAX));
    }

    #[test]
    fn nothing_is_damaged_too() {
        for seed in 0..300 {
            once(&mut Random::new(seed), &mut Vec::new(), b"", &[]);
        }
    }
}
