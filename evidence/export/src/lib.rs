//! From archive, verdicts and issued documents to a bundle of evidence.
