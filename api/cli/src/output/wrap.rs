//! Text in lines of a width, so that nothing of it has to be cut off.

/// The lines of a text, of at most `width` characters each. They break between words, and within what is longer.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    assert!(width > 0, "a line holds a letter");
    let (mut lines, mut line, mut taken) = (Vec::new(), String::new(), 0);
    for word in text.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        if taken > 0 && taken + 1 + word.len() > width {
            lines.push(std::mem::take(&mut line));
            taken = 0;
        } else if taken > 0 {
            line.push(' ');
            taken += 1;
        }
        while taken + word.len() > width {
            let rest = word.split_off(width - taken);
            line.extend(word);
            lines.push(std::mem::take(&mut line));
            (word, taken) = (rest, 0);
        }
        taken += word.len();
        line.extend(word);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_and_no_line_is_too_long() {
        let text = "case A-17: INV-00000001, lines spring with personal columns of 41 events";
        let lines = wrapped(text, 26);
        assert_eq!(lines[0], "case A-17: INV-00000001,");
        assert!(lines.iter().all(|line| line.chars().count() <= 26), "{lines:?}");
        assert_eq!(lines.join(" "), text);
        assert_eq!(wrapped(&"ü".repeat(9), 4), ["üüüü", "üüüü", "ü"]);
        assert_eq!(wrapped("", 4), [""]);
        assert_eq!(wrapped("a bcdefghij", 4), ["a", "bcde", "fghi", "j"]);
    }
}
