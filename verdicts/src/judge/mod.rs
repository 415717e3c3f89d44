//! The judge: reads the click log in order, and appends what its rules find to the verdict log.
//!
//! Nothing is stored but the verdict log and a mark that the caller keeps, and the mark is only a shortcut. If it is
//! lost, the last live verdict in the log says where judging goes on, and because folds are deterministic the judge
//! finds what it would have found. So a judge that dies at any instant misses nothing and repeats nothing.
//!
//! | dies | then |
//! |---|---|
//! | before the append | the frames are judged again |
//! | in the append, outcome unknown | the log is read behind the mark: what is there is not appended again |
//! | nothing, but a store did not answer | the fold is kept, and only what failed is done again |
//! | after the append, before the mark moved | the same |
//! | two judges at once | both write under one identity: the log takes one, the other looks again |

mod archived_originals;
mod asks;
mod error;
mod live;
mod mark;
mod part_rows;
mod passed;
pub mod rejudge;
mod rows;
mod run;
mod same;
mod sealed_hours;
#[cfg(test)]
mod tests;
mod unsealed;
mod verdict;

pub use error::Error;
pub use live::Judge;
pub use mark::Mark;
pub use passed::PassedKind;
pub use rows::{ClickRows, Rows};
pub use verdict::ACTOR;
