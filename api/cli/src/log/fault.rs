//! What is wrong with an object, as commands print it.

/// A fault with its object, which some reasons begin with themselves.
pub(super) fn named(key: &str, reason: &str) -> String {
    match reason.starts_with(key) {
        true => reason.to_owned(),
        false => format!("{key}: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn an_object_is_named_once() {
        assert_eq!(named("clicks/a", "clicks/a is damaged: too short"), "clicks/a is damaged: too short");
        assert_eq!(named("clicks/a", "too short"), "clicks/a: too short");
    }
}
