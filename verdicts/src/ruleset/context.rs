//! What reading a rule needs beside its own table: the look-back, and the files that the ruleset names.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clicktrail_log::frame::Digest;

use regex::Regex;

use super::{
    agents::AgentLists,
    error::Error,
    fields::{Fields, Located},
    geo::GeoDatabase,
    networks::AddressList,
    patterns::Patterns,
    robots::Robots,
    shipped,
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

    /// Reads lists of networks: the shipped one if `shipped_lists = true`, then those of `lists`.
    pub(super) fn networks(&mut self, fields: &mut Fields<'_>) -> Result<Vec<Arc<AddressList>>, Error> {
        let mut lists = Vec::new();
        if fields.boolean("shipped_lists")?.unwrap_or(false) {
            let (name, text) = shipped::HOSTING;
            self.note(name, text.as_bytes());
            lists.push(shipped::hosting());
        }
        for path in fields.files("lists")? {
            lists.push(self.addresses(&path)?);
        }
        Ok(lists)
    }

    /// Opens the address database that the rule names: one file, or one for each version of addresses.
    pub(super) fn geo_database(&mut self, fields: &mut Fields<'_>) -> Result<Option<Arc<GeoDatabase>>, Error> {
        let paths = fields.file_or_files("database", 2)?;
        if paths.is_empty() {
            return Ok(None);
        }
        let mut files = Vec::new();
        for path in paths {
            let bytes = self.read(&path.value)?;
            files.push((path.value, bytes));
        }
        Ok(Some(Arc::new(GeoDatabase::open(files)?)))
    }

    /// Reads the lists of user agents: the shipped ones unless `shipped_lists = false`, then those of `lists`, and the
    /// rule's own `exceptions`.
    pub(super) fn robots(&mut self, fields: &mut Fields<'_>) -> Result<Robots, Error> {
        let mut groups = Vec::new();
        if fields.boolean("shipped_lists")?.unwrap_or(true) {
            for (name, text) in shipped::ROBOTS.into_iter().chain([shipped::PEOPLE]) {
                self.note(name, text.as_bytes());
            }
            groups.push(shipped::robots());
        }
        let own = self.patterns(fields, "lists")?;
        if let Some(first) = own.first() {
            let path = PathBuf::from(first.name());
            let refuse = |problem| Error::List { path, line: 1, problem };
            groups.push(Arc::new(AgentLists::new(own, Vec::new()).map_err(refuse)?));
        }
        let exceptions = self.patterns(fields, "exceptions")?;
        let compiled = exceptions.iter().filter(|list| list.len() > 0).map(|list| {
            let refuse = || Error::List {
                path: PathBuf::from(list.name()),
                line: 1,
                problem: "the exceptions are too large".to_owned(),
            };
            list.union().ok_or_else(refuse)
        });
        let compiled = compiled.collect::<Result<Vec<Regex>, _>>()?;
        Ok(Robots { groups, exceptions, compiled })
    }

    fn patterns(&mut self, fields: &mut Fields<'_>, field: &'static str) -> Result<Vec<Arc<Patterns>>, Error> {
        let paths = fields.files(field)?;
        let read = |path: Located<PathBuf>| Patterns::parse(&path.value, &self.read(&path.value)?).map(Arc::new);
        paths.into_iter().map(read).collect()
    }
}
