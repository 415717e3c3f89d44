//! What everybody used in a period: the sum over the segments of a basis, clipped to the period.
//!
//! `everybody` is a sum, `segment` adds one segment to it, [`sum`] all of them on several threads, and [`stored`] keeps
//! a sum in the archive, so that the next one is made from it: what left is taken away, what came is added. All of it
//! is integers, so both ways give the same.

mod everybody;
mod segment;
pub mod stored;
pub mod sum;

pub use everybody::Everybody;
pub(crate) use segment::Sign;

#[cfg(test)]
mod damaged;
#[cfg(test)]
mod speed;
#[cfg(test)]
mod tests;
