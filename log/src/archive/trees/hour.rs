//! All trees of an hour: as they grow part by part, as the file of their nodes, and as a manifest tells of them.
//!
//! ```text
//! magic     8 bytes   CTNODES1
//! leaves    3 × 8     of rows, of people, of advertisers; big endian; 0 for a tree that the stream has not
//! rows                nodes of height 8 and more, and that of the last block: see `tree::stored` of the evidence
//! people              the same
//! advertisers         keys and ranges, by key: see `advertisers` of the evidence
//! ```

use clicktrail_evidence::{
    advertisers::Advertisers,
    sealed::{File, People, Tree, Trees},
    tree::{Nodes, stored},
};

use super::leaves::Leaves;
use crate::{
    archive::{keys::NodesKey, kind::NewFile},
    frame::Digest,
    log::Stream,
    time::Hour,
};

const MAGIC: [u8; 8] = *b"CTNODES1";
const NUMBER: usize = size_of::<u64>();
const HEAD: usize = MAGIC.len() + 3 * NUMBER;

/// Whether a stream has trees of people and advertisers.
pub(crate) fn is_about_people(stream: Stream) -> bool {
    match stream {
        Stream::Clicks => true,
        Stream::Verdicts | Stream::Rejected | Stream::Invoices => false,
    }
}

/// The trees of an hour in the making. It holds their nodes of height 8 and more, which is a fourth of a byte for a row
/// and tree, and of each advertiser its key and its range in each part.
#[derive(Debug)]
pub struct Growing {
    rows: stored::Growing,
    people: Option<stored::Growing>,
    advertisers: Option<Advertisers>,
}

impl Growing {
    /// Of an hour without rows.
    pub fn new(stream: Stream) -> Self {
        let is_about_people = is_about_people(stream);
        Self {
            rows: stored::Growing::default(),
            people: is_about_people.then(stored::Growing::default),
            advertisers: is_about_people.then(Advertisers::default),
        }
    }

    /// Takes the leaves of the next part.
    ///
    /// # Errors
    /// If the trees would not have the same rows, or the part is not sorted by advertiser.
    pub fn add(&mut self, leaves: Leaves) -> Result<(), String> {
        let rows = leaves.rows.len();
        let of_advertisers = leaves.advertisers.iter().map(|(_, rows)| rows).sum::<u64>();
        if self.people.is_some() && (leaves.people.len() != rows || of_advertisers != rows as u64) {
            let people = leaves.people.len();
            return Err(format!("{rows} rows are {people} of people and {of_advertisers} of advertisers"));
        }
        leaves.rows.into_iter().for_each(|leaf| self.rows.push(leaf));
        if let Some(people) = &mut self.people {
            leaves.people.into_iter().for_each(|leaf| people.push(leaf));
        }
        if let Some(advertisers) = &mut self.advertisers {
            advertisers.add_part(leaves.advertisers).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// The trees as they are now.
    pub fn finish(self) -> HourTrees {
        HourTrees {
            rows: self.rows.finish(),
            people: self.people.map(stored::Growing::finish),
            advertisers: self.advertisers,
        }
    }
}

/// The trees of an hour, as far as they are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HourTrees {
    /// Over all rows; of clicks without what is about people.
    pub rows: Nodes,
    /// Of clicks: over what is about people.
    pub people: Option<Nodes>,
    /// Of clicks: whose rows are where.
    pub advertisers: Option<Advertisers>,
}

impl HourTrees {
    /// As bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let people = self.people.as_ref().map_or(0, Nodes::size);
        let advertisers = self.advertisers.as_ref().map_or(0, Advertisers::count);
        let mut bytes = MAGIC.to_vec();
        for number in [self.rows.size(), people, advertisers] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend(self.rows.to_bytes());
        bytes.extend(self.people.as_ref().map(Nodes::to_bytes).unwrap_or_default());
        bytes.extend(self.advertisers.as_ref().map(Advertisers::to_bytes).unwrap_or_default());
        bytes
    }

    /// The file of them; `None` for an hour without rows, whose trees are empty.
    pub fn file(&self, stream: Stream, hour: Hour) -> Option<NewFile> {
        if self.rows.size() == 0 {
            return None;
        }
        let bytes = self.to_bytes();
        let digest = Digest::of(&bytes);
        Some(NewFile::new(NodesKey::new(stream, hour, &digest).path(), bytes.into(), digest))
    }

    /// What the manifest of the hour says of them.
    pub fn told(&self, key: Option<File>, nodes: Option<File>) -> Trees {
        let tree = |nodes: &Nodes| Tree { leaves: nodes.size(), root: nodes.root() };
        let of_advertisers = |all: &Advertisers| Tree { leaves: all.count(), root: all.root().hash };
        let of_people = |nodes: &Nodes| People { leaves: nodes.size(), root: nodes.root(), key };
        Trees {
            rows: tree(&self.rows),
            people: self.people.as_ref().map(of_people),
            advertisers: self.advertisers.as_ref().map(of_advertisers),
            nodes,
        }
    }

    /// Reads the file of an hour of which the manifest tells this, and checks that it leads to the roots there.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_bytes(bytes: &[u8], told: &Trees) -> Result<Self, String> {
        let mut bytes = bytes;
        let leaves = [
            told.rows.leaves,
            told.people.as_ref().map_or(0, |people| people.leaves),
            told.advertisers.as_ref().map_or(0, |tree| tree.leaves),
        ];
        let expected: Vec<u8> = MAGIC.into_iter().chain(leaves.into_iter().flat_map(u64::to_be_bytes)).collect();
        if bytes.split_off(..HEAD) != Some(expected.as_slice()) {
            return Err("it does not begin as the stored nodes of these trees".into());
        }
        let mut nodes = |size: u64| {
            let length = usize::try_from(Nodes::bytes_of(size)).ok();
            let section = length.and_then(|length| bytes.split_off(..length)).ok_or("it ends within the nodes")?;
            Nodes::from_bytes(size, section).map_err(|error| error.to_string())
        };
        let rows = nodes(told.rows.leaves)?;
        let people = told.people.as_ref().map(|people| nodes(people.leaves)).transpose()?;
        let read = told.advertisers.as_ref().map(|tree| Advertisers::from_bytes(tree.leaves, told.rows.leaves, bytes));
        let advertisers = read.transpose().map_err(|error| error.to_string())?;
        if advertisers.is_none() && !bytes.is_empty() {
            return Err("something follows the nodes".into());
        }
        let read = Self { rows, people, advertisers };
        match read.differs(told) {
            Some(what) => Err(format!("it leads to another root {what} than the manifest's")),
            None => Ok(read),
        }
    }

    /// Which of the trees is not the one that a manifest tells of.
    pub fn differs(&self, told: &Trees) -> Option<&'static str> {
        let found = self.told(told.people.as_ref().and_then(|people| people.key.clone()), told.nodes.clone());
        if found.rows != told.rows {
            Some("of rows")
        } else if found.people != told.people {
            Some("of what is about people")
        } else if found.advertisers != told.advertisers {
            Some("of advertisers")
        } else {
            None
        }
    }
}

/// The first block of rows in which two trees of an hour differ: rows of the hour from 0, half-open.
pub(crate) fn first_difference(one: &HourTrees, other: &HourTrees) -> Option<std::ops::Range<u64>> {
    let of_people = || one.people.as_ref()?.first_difference(other.people.as_ref()?);
    one.rows.first_difference(&other.rows).or_else(of_people)
}
