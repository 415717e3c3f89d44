//! What the manifest of an hour says of its trees. It is part of the manifest's bytes, from version 3 on; the shape is
//! frozen with it.

use serde::{Deserialize, Serialize};

use crate::{advertisers::Summed, hash::Hash, tree::Node as _};

/// A file that a manifest names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Its key in the store.
    pub key: String,
    /// Its exact size.
    pub bytes: u64,
    /// SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
}

/// A tree: how many leaves it has, and its root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tree {
    /// Its leaves.
    pub leaves: u64,
    /// Its root.
    pub root: Hash,
}

/// The tree over what is about people, and where its salts come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct People {
    /// Its leaves: as many as rows.
    pub leaves: u64,
    /// Its root.
    pub root: Hash,
    /// The key of the hour, as its file; absent in an hour without rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<File>,
}

/// The trees of an hour, in the order of the document. A stream other than that of clicks has one: of its rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trees {
    /// Over all rows, parts in the order of the manifest, rows in that of their part. Of clicks without what is about
    /// people.
    pub rows: Tree,
    /// Of clicks: over what is about people, in the same order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<People>,
    /// Of clicks: over the advertisers. That it accounts for all rows of the hour is part of its root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advertisers: Option<Tree>,
    /// The stored nodes of all these trees; absent in an hour without rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<File>,
}

impl Trees {
    /// Checks that this can be said of an hour with so many rows, of a stream that is about people or not.
    ///
    /// # Errors
    /// What cannot be.
    pub fn check(&self, rows: u64, is_about_people: bool) -> Result<(), String> {
        let counts = [Some(self.rows.leaves), self.people.as_ref().map(|people| people.leaves)];
        if counts.into_iter().flatten().any(|leaves| leaves != rows) {
            return Err(format!("its trees have other leaves than its {rows} rows"));
        }
        if self.people.is_some() != is_about_people || self.advertisers.is_some() != is_about_people {
            return Err("its trees are not those of its stream".into());
        }
        let advertisers = self.advertisers.as_ref().map(|tree| tree.leaves);
        if advertisers.is_some_and(|leaves| leaves > rows || (leaves == 0) != (rows == 0)) {
            return Err(format!("its {rows} rows are of {} advertisers", advertisers.unwrap_or_default()));
        }
        let is_stored = self.nodes.is_some();
        let has_key = self.people.as_ref().map_or(is_stored, |people| people.key.is_some());
        if is_stored != (rows > 0) || has_key != (rows > 0) {
            return Err("it names nodes or a key of an hour without rows, or none of one with rows".into());
        }
        let roots = [Some(&self.rows.root), self.people.as_ref().map(|it| &it.root)];
        let roots = roots.into_iter().chain([self.advertisers.as_ref().map(|it| &it.root)]);
        if rows == 0 && roots.flatten().any(|root| *root != Hash::empty()) {
            return Err("an hour without rows has empty trees".into());
        }
        Ok(())
    }

    /// The root over the advertisers of an hour with so many rows, all of which it must account for.
    pub fn advertisers_root(&self, rows: u64) -> Option<Summed> {
        self.advertisers.as_ref().map(|tree| Summed { rows, hash: tree.root })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> File {
        File { key: "a".into(), bytes: 1, sha256: "b".into() }
    }

    fn clicks(rows: u64) -> Trees {
        let root = if rows == 0 { Hash::empty() } else { Hash::of(b"x") };
        let has_rows = rows > 0;
        Trees {
            rows: Tree { leaves: rows, root },
            people: Some(People { leaves: rows, root, key: has_rows.then(file) }),
            advertisers: Some(Tree { leaves: rows.min(2), root }),
            nodes: has_rows.then(file),
        }
    }

    #[test]
    fn what_cannot_be_said_of_an_hour_is_refused() {
        for rows in [0, 1, 9] {
            assert_eq!(clicks(rows).check(rows, true), Ok(()));
            let others = Trees { people: None, advertisers: None, ..clicks(rows) };
            assert_eq!(others.check(rows, false), Ok(()));
            assert!(others.check(rows, true).is_err());
            assert!(clicks(rows).check(rows, false).is_err());
            assert!(clicks(rows).check(rows + 1, true).is_err());
            assert!(Trees { nodes: (rows == 0).then(file), ..clicks(rows) }.check(rows, true).is_err());
            let mut keyless = clicks(rows);
            keyless.people.as_mut().unwrap().key = (rows == 0).then(file);
            assert!(keyless.check(rows, true).is_err());
        }
        for leaves in [0, 10] {
            let of = Trees { advertisers: Some(Tree { leaves, root: Hash::of(b"x") }), ..clicks(9) };
            assert!(of.check(9, true).is_err(), "{leaves} advertisers");
        }
        let full = Trees { rows: Tree { leaves: 0, root: Hash::of(b"x") }, ..clicks(0) };
        assert!(full.check(0, true).is_err());
    }

    #[test]
    fn trees_of_a_stream_without_people_are_rows_and_nodes() {
        let trees = Trees { people: None, advertisers: None, ..clicks(3) };
        let text = serde_json::to_string(&trees).unwrap();
        assert_eq!(
            text,
            format!(
                r#"{{"rows":{{"leaves":3,"root":"{}"}},"nodes":{{"key":"a","bytes":1,"sha256":"b"}}}}"#,
                Hash::of(b"x")
            )
        );
        assert_eq!(serde_json::from_str::<Trees>(&text).unwrap(), trees);
        assert!(serde_json::from_str::<Trees>(&text.replace("\"nodes\"", "\"others\"")).is_err());
    }
}
