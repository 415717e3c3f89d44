//! RFC 6962 trees: how they grow, what is stored of them, and proofs.
//!
//! A tree over `n` leaves is a leaf if `n` is 1; otherwise its left half has the largest power of two below `n` leaves,
//! and its right half the rest. So a tree never changes in what is complete: subtrees of 2, 4, 8 … leaves.
//!
//! ```text
//! 7 leaves:        root
//!               /        \
//!            [0,4)        [4,7)
//!           /    \        /   \
//!        [0,2)  [2,4)  [4,6)   6
//!        0  1   2  3   4  5
//! ```
//!
//! - [`node`]: what stands at a node: a [`Hash`](crate::Hash), or a hash with a sum ([`crate::advertisers`]);
//! - [`builder`]: leaves come one by one, and only the roots of complete subtrees are held;
//! - [`subtree`]: which subtrees a proof consists of, and how their hashes come from complete ones;
//! - [`inclusion`]: a leaf is in a tree; [`consistency`]: a tree is the beginning of another;
//! - [`ranges`]: these leaves are in a tree, in as many ranges as there are: one leaf, all rows of somebody, scattered
//!   ones;
//! - [`stored`]: nodes of height 8 and more, so that a proof looks at 256 leaves and not at all; [`question`]: which
//!   these are.
//!
//! Whoever makes a proof asks for paths of [`Subtree`]s and gets their nodes from wherever they are; whoever checks one
//! takes sizes, leaves and the proof's nodes as they come, and answers [`Invalid`] or nothing. Checking never panics,
//! and costs no more than the leaves and nodes that were handed in.

pub mod builder;
pub mod consistency;
pub mod inclusion;
mod invalid;
pub mod node;
pub mod question;
pub mod ranges;
pub mod stored;
pub mod subtree;

pub use builder::{Builder, root};
pub use invalid::Invalid;
pub use node::Node;
pub use question::{Answer, Question};
pub use stored::Nodes;
pub use subtree::{Address, Subtree};

#[cfg(test)]
pub(crate) mod naive;
#[cfg(test)]
mod tests;
