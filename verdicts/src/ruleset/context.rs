//! What reading a rule needs beside its own table: the look-back, and the files that the ruleset names.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clicktrail_log::frame::Digest;

use super::{
    address::AddressList,
    error::Error,
    fields::{Fields, Located},
    geo::GeoDatabase,
    patterns::{Patterns, SHIPPED},
};

/// How a ruleset gets at the files that it names.
pub(super) type Files<'f> = dyn Fn(&Path) -> io::Result<Vec<u8>> + 'f;

/// What reading a rule needs beside its own table.
pub(super) struct Context<'f> {
    pub(super) look_back_seconds: i64,
    pub(super) files: &'f Files<'f>,
    /// Every file read so far and its content's digest, for the digest of the whole.
    pub(super) named: Vec<(String, Digest)>,
}

impl Context<'_> {
    /// The rule's window: at most the look-back, beyond which nothing is remembered.
    pub(super) fn window(&self, fields: &mut Fields<'_>, default: u32) -> Result<Duration, Error> {
        let default = i64::from(default).min(self.look_back_seconds);
        let seconds = fields.integer("window_seconds", 1..=self.look_back_seconds)?.unwrap_or(default);
        Ok(Duration::from_secs(seconds.unsigned_abs()))
    }

    fn read(&mut self, path: &Path) -> Result<Vec<u8>, Error> {
        let bytes = (self.files)(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        self.note(&path.display().to_string(), &bytes);
        Ok(bytes)
    }

    fn note(&mut self, name: &str, bytes: &[u8]) {
        self.named.push((name.to_owned(), Digest::of(bytes)));
    }

    /// Reads a list of networks.
    pub(super) fn addresses(&mut self, path: &Located<PathBuf>) -> Result<Arc<AddressList>, Error> {
        AddressList::parse(&path.value, &self.read(&path.value)?).map(Arc::new)
    }

    /// Opens the address database, if the rule names one.
    pub(super) fn geo_database(&mut self, fields: &mut Fields<'_>) -> Result<Option<Arc<GeoDatabase>>, Error> {
        let Some(path) = fields.file("database")? else {
            return Ok(None);
        };
        Ok(Some(Arc::new(GeoDatabase::open(&path.value, self.read(&path.value)?)?)))
    }

    /// Reads the lists of user agents: the shipped ones unless `shipped_lists = false`, then those of `lists`.
    pub(super) fn patterns(&mut self, fields: &mut Fields<'_>) -> Result<Vec<Arc<Patterns>>, Error> {
        let mut lists = Vec::new();
        if fields.boolean("shipped_lists")?.unwrap_or(true) {
            for (name, text) in SHIPPED {
                self.note(name, text.as_bytes());
                lists.push(Arc::new(Patterns::parse(Path::new(name), text.as_bytes())?));
            }
        }
        for path in fields.files("lists")? {
            lists.push(Arc::new(Patterns::parse(&path.value, &self.read(&path.value)?)?));
        }
        Ok(lists)
    }
}
