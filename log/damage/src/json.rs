//! Damage to what a JSON document says: a member is another, missing, or there twice in a list. Whoever makes digests
//! of the document makes them fit again, so that nothing but its readers can tell.

use clicktrail_evidence::made_up::Random;
use serde_json::{Map, Value, json};

/// Changes one value of a document.
pub fn change(random: &mut Random, document: &mut Value) {
    let mut paths = Vec::new();
    walk(document, &mut String::new(), &mut paths);
    let path = random.of(&paths).clone();
    let Some(value) = document.pointer_mut(&path) else { return };
    match value {
        Value::Array(items) if random.has(700) => of_list(random, items),
        Value::Object(members) if random.has(700) => of_members(random, members),
        Value::Number(_) if random.has(800) => *value = number(random),
        Value::String(text) if random.has(800) => *text = of_text(random, text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            *value = any(random);
        }
    }
}

fn walk(value: &Value, path: &mut String, paths: &mut Vec<String>) {
    paths.push(path.clone());
    let length = path.len();
    let mut go = |step: String, value: &Value| {
        path.push('/');
        path.push_str(&step.replace('~', "~0").replace('/', "~1"));
        walk(value, path, paths);
        path.truncate(length);
    };
    match value {
        Value::Array(items) => items.iter().enumerate().for_each(|(at, item)| go(at.to_string(), item)),
        Value::Object(members) => members.iter().for_each(|(name, member)| go(name.clone(), member)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn of_list(random: &mut Random, items: &mut Vec<Value>) {
    if items.is_empty() {
        return items.push(any(random));
    }
    let (one, other) = (random.place(items.len()), random.place(items.len()));
    match random.below(4) {
        0 => drop(items.remove(one)),
        1 => items.insert(other, items[one].clone()),
        2 => items.swap(one, other),
        _ => items.push(items[one].clone()),
    }
}

fn of_members(random: &mut Random, members: &mut Map<String, Value>) {
    let names: Vec<String> = members.keys().cloned().collect();
    let Some(name) = names.get(random.place(names.len())) else { return };
    match random.below(3) {
        0 => drop(members.remove(name)),
        1 => drop(members.insert(name.clone(), any(random))),
        _ => drop(members.insert(format!("{name}_"), any(random))),
    }
}

fn number(random: &mut Random) -> Value {
    let edges = [
        0,
        1,
        2,
        255,
        65_535,
        65_536,
        0xffff_ffff,
        1 << 40,
        (1 << 40) - 1,
        (1 << 53) + 1,
        i64::MAX.unsigned_abs(),
        u64::MAX,
    ];
    match random.below(4) {
        0 => json!(-1),
        1 => json!(i64::MIN),
        _ => json!(random.of(&edges)),
    }
}

/// Another text: mostly of the same kind, so that it is looked into.
fn of_text(random: &mut Random, text: &str) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    let at = random.place(chars.len());
    match random.below(6) {
        0 if !chars.is_empty() => drop(chars.remove(at)),
        1 => chars.insert(at, *random.of(&['0', 'f', '-', '/', '.', '\u{202e}', '\0', 'é', '"'])),
        2 if !chars.is_empty() => chars[at] = *random.of(&['0', '9', 'a', 'Z', ' ', '-', 'ß']),
        3 => chars.clear(),
        4 => chars.extend(chars.clone()),
        _ => chars.truncate(at),
    }
    chars.into_iter().collect()
}

fn any(random: &mut Random) -> Value {
    match random.below(8) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!([]),
        3 => json!({}),
        4 => json!(""),
        5 => json!(1.5),
        6 => json!("9223372036854775808"),
        _ => number(random),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_document_is_changed_by_some_seed() {
        let document = json!({"a": 1, "b": [1, 2], "c": {"d/~": "text"}, "e": null});
        let changed = |seed: u64| {
            let mut changed = document.clone();
            change(&mut Random::new(seed), &mut changed);
            changed
        };
        let all: Vec<Value> = (0..500).map(changed).collect();
        for path in ["/a", "/b", "/b/0", "/c", "/c/d~1~0", "/e"] {
            assert!(all.iter().any(|changed| changed.pointer(path) != document.pointer(path)), "{path}");
        }
        assert!(all.iter().filter(|changed| **changed == document).count() < 50);
    }
}
