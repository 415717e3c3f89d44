//! What a stranger can check on a laptop: trees over what was sealed, the log of these trees, and bundles of evidence with
//! their verifier. No database, no network, no columnar engine: only bytes, hashes and signatures.
