//! `clicktrail-verify`: checks a bundle of evidence offline, with nothing but the bundle and a key.

fn main() {}
