//! Made-up evidence: random logs of clicks and verdicts, sealed, billed, disputed and bundled, all from a seed. For
//! tests, benchmarks and whoever writes another verifier; nothing here is read from an archive.
//!
//! - [`world`]: hours of clicks and verdicts with their trees and manifests ([`rows`]);
//! - [`ledger`]: what they come to, by the definition and not by any proof; [`own_biller`]: documents about it;
//! - [`dossier`]: an invoice with its notes, and the log of logs around it;
//! - [`evidence`]: the bundle of it, or of events ([`asked`]), honest or with something left out;
//! - [`attacks`]: frauds by name; [`mutation`]: bundles that somebody changed, also with all digests repaired;
//! - [`promised`]: receipts of events.

pub mod asked;
pub mod attacks;
pub mod dossier;
pub mod evidence;
pub mod ledger;
pub mod mutation;
pub mod own_biller;
pub mod promised;
pub mod random;
pub mod rows;
pub mod world;

pub use asked::Asked;
pub use dossier::Dossier;
pub use evidence::{Evidence, LeftOut, Wanted};
pub use own_biller::OwnBiller;
pub use random::Random;
pub use world::Plan;
