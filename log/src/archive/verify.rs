//! Reads the archive back and checks all of it: the chain of hours, the size and digest of every file, the identity
//! filters by their own digests, the stored nodes of trees against the roots, and, if asked to go deep, the position
//! and order of every row, and the filters and the trees against the rows.
//!
//! It lists the manifests and compares them with the hours that the catalog remembers. So it also notices when the
//! first or the last manifest was deleted. It collects every problem instead of stopping at the first.

use std::{
    collections::{BTreeMap, BTreeSet},
    marker::PhantomData,
};

use crate::{
    archive::{
        clicks::Clicks,
        entry::Entry,
        identities::{self, Filter, Fingerprints, Gatherer},
        keys::{ManifestKey, RedactionKey, remedy},
        kind::Kind,
        manifest::Manifest,
        redaction::{check::check, document::RedactedPart},
        rejected::RedactedRejected,
        store::{Archive, Error},
        trees::check::Checking,
    },
    causes::causes,
    log::Stream,
    time::Hour,
};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// In which hour.
    pub hour: Hour,
    /// The object at fault.
    pub key: String,
    /// What is wrong with it.
    pub reason: String,
}

/// What was checked and what was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Hours whose manifest was read.
    pub hours: u64,
    /// Parts whose files were read.
    pub parts: u64,
    /// Rows that the manifests account for.
    pub rows: u64,
    /// Bytes of the files read.
    pub bytes: u64,
    /// Hours that were sealed before there were trees: nothing of them can be proved to a stranger.
    pub without_trees: u64,
    /// Hours of which something was erased.
    pub redacted: u64,
    /// Rows whose personal columns were erased, or what arrived with them.
    pub erased: u64,
    /// Everything that is wrong, by hour.
    pub problems: Vec<Problem>,
}

/// How an hour is held against the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chain {
    /// It follows what was checked before, and what it was sealed with is said.
    Whole,
    /// It follows an hour that was given. What it was sealed with it was sealed with.
    Given,
    /// It is checked by itself.
    Alone,
}

/// Checks hours of one stream one after the other, in order.
#[derive(Debug)]
pub struct Verifier<K: Kind = Clicks> {
    archive: Archive,
    deep: bool,
    report: Report,
    previous: Option<Manifest<K::Part>>,
    /// How an hour is held against the one before it.
    chain: Chain,
    /// The hours of which something was erased, once they were looked for.
    redacted: Option<BTreeSet<Hour>>,
    kind: PhantomData<K>,
}

impl Verifier {
    /// A verifier of the clicks in `archive`; `deep` reads every row as well.
    pub fn new(archive: Archive, deep: bool) -> Self {
        Self::of(archive, deep)
    }
}

impl<K: Kind> Verifier<K> {
    /// A verifier of the hours of `K` in `archive`; `deep` reads every row as well.
    pub fn of(archive: Archive, deep: bool) -> Self {
        Self {
            archive,
            deep,
            report: Report::default(),
            previous: None,
            chain: Chain::Whole,
            redacted: None,
            kind: PhantomData,
        }
    }

    /// The hours to check: from the first to the last that has a manifest or that `remembered` names. Hours between
    /// them that have neither are included, because such a hole is a problem too.
    ///
    /// # Errors
    /// As [`Archive::sealed_hours`].
    pub async fn hours(&self, remembered: &BTreeMap<Hour, String>) -> Result<Vec<Hour>, Error> {
        let mut known: BTreeSet<Hour> = self.archive.sealed_hours(K::STREAM).await?.into_iter().collect();
        known.extend(remembered.keys());
        let (Some(first), Some(last)) = (known.first(), known.last()) else { return Ok(Vec::new()) };
        Ok((first.as_i64()..=last.as_i64()).map(Hour::from_i64).collect())
    }

    /// Checks the next hour; `remembered` is the manifest digest that the catalog holds for it, if any.
    ///
    /// # Errors
    /// Only [`Error::Unavailable`]: whatever is wrong with the archive goes into the report.
    pub async fn check(&mut self, hour: Hour, remembered: Option<&str>) -> Result<(), Error> {
        let key = ManifestKey { stream: K::STREAM, hour };
        let manifest = match self.archive.manifest::<K>(hour).await {
            Ok(Some(manifest)) => manifest,
            Ok(None) => {
                let path = key.path();
                self.problem(
                    hour,
                    path.as_ref(),
                    &format!("the hour's manifest is missing, the chain has a hole: {}", remedy(path.as_ref())),
                );
                return Ok(());
            }
            Err(error @ Error::Unavailable { .. }) => return Err(error),
            Err(error) => {
                self.problem(hour, key.path().as_ref(), &causes(&error));
                return Ok(());
            }
        };
        self.report.hours += 1;
        self.report.rows += manifest.rows;
        if remembered.is_some_and(|digest| digest != manifest.digest().to_string()) {
            let path = key.path();
            let reason = format!("its digest is not the one that the catalog remembers: {}", remedy(path.as_ref()));
            self.problem(hour, path.as_ref(), &reason);
        }
        let reasons = match self.chain {
            Chain::Whole => chain_problems(self.previous.as_ref(), &manifest),
            Chain::Given => follow_problems(self.previous.as_ref(), &manifest),
            Chain::Alone => Vec::new(),
        };
        for reason in reasons {
            self.problem(hour, key.path().as_ref(), &reason);
        }
        let damaged = match K::STREAM {
            Stream::Clicks => identities::problems(&self.archive, &manifest).await?,
            _ => Vec::new(),
        };
        for (path, problem) in &damaged {
            self.problem(hour, path.as_ref(), &causes(problem));
        }
        self.check_redactions(&manifest).await?;
        let mut trees = self.check_trees(&manifest).await?;
        // A filter that was named already is not compared with its parts: that would say the same again.
        let sound = |filter: &Filter| damaged.iter().all(|(path, _)| *path != filter.path);
        let mut filters = Some(Gatherer::new(hour));
        for part in &manifest.parts {
            let fingerprints = self.check_part(&manifest, part, trees.as_mut()).await?;
            let (Some(gatherer), Some(fingerprints)) = (&mut filters, fingerprints) else {
                filters = None;
                continue;
            };
            if let Some(filter) = gatherer.add(part, fingerprints).await?
                && sound(&filter)
            {
                self.check_filter(hour, &filter).await?;
            }
        }
        if let Some(gatherer) = filters
            && let Some(filter) = gatherer.finish().await?
            && sound(&filter)
        {
            self.check_filter(hour, &filter).await?;
        }
        if let Some(reason) = trees.and_then(Checking::finish) {
            self.problem(hour, key.path().as_ref(), &reason);
        }
        self.previous = Some(manifest);
        Ok(())
    }

    /// Checks what says what was erased of the hour.
    async fn check_redactions(&mut self, manifest: &Manifest<K::Part>) -> Result<(), Error> {
        if !RedactionKey::STREAMS.contains(&K::STREAM) {
            return Ok(());
        }
        let redacted = match self.redacted.take() {
            Some(known) => known,
            None => self.archive.redacted_hours(K::STREAM).await?,
        };
        if redacted.contains(&manifest.hour()) {
            let checked = match K::STREAM {
                Stream::Rejected => check::<RedactedRejected, _>(&self.archive, manifest).await?,
                Stream::Clicks | Stream::Verdicts | Stream::Invoices => {
                    check::<RedactedPart, _>(&self.archive, manifest).await?
                }
            };
            self.report.redacted += 1;
            self.report.erased += checked.rows;
            for (key, reason) in checked.problems {
                self.problem(manifest.hour(), &key, &reason);
            }
        }
        self.redacted = Some(redacted);
        Ok(())
    }

    /// Checks what is stored of the hour's trees, and begins to compute them from its parts.
    async fn check_trees(&mut self, manifest: &Manifest<K::Part>) -> Result<Option<Checking>, Error> {
        let begun = Checking::begin::<K>(&self.archive, manifest, self.deep).await?;
        let Some((checking, problems)) = begun else {
            self.report.without_trees += 1;
            return Ok(None);
        };
        for (key, reason) in problems {
            self.problem(manifest.hour(), &key, &reason);
        }
        Ok(Some(checking))
    }

    /// Checks one hour by itself, whatever came before it.
    ///
    /// # Errors
    /// As [`Verifier::check`].
    pub async fn check_alone(&mut self, hour: Hour, remembered: Option<&str>) -> Result<(), Error> {
        self.chain = Chain::Alone;
        self.check(hour, remembered).await
    }

    /// Checks one hour, and that it follows `previous`, the hour before it; `None` if it is the first of its stream.
    ///
    /// # Errors
    /// As [`Verifier::check`].
    pub async fn check_behind(
        &mut self,
        previous: Option<Manifest<K::Part>>,
        hour: Hour,
        remembered: Option<&str>,
    ) -> Result<(), Error> {
        (self.chain, self.previous) = (Chain::Given, previous);
        self.check(hour, remembered).await
    }

    async fn check_filter(&mut self, hour: Hour, filter: &Filter) -> Result<(), Error> {
        if let Some(reason) = filter.problem(&self.archive).await? {
            self.problem(hour, filter.path.as_ref(), reason);
        }
        Ok(())
    }

    /// Returns what the hour's identity filter must hold of a part without a problem, if it was read deeply.
    async fn check_part(
        &mut self,
        manifest: &Manifest<K::Part>,
        part: &K::Part,
        trees: Option<&mut Checking>,
    ) -> Result<Option<Fingerprints>, Error> {
        self.report.parts += 1;
        let (named, mut files) = (part.files(), Vec::new());
        for file in &named {
            match self.archive.get_file(file).await {
                Ok(bytes) => {
                    self.report.bytes += file.bytes;
                    files.push(bytes);
                }
                Err(error @ Error::Unavailable { .. }) => return Err(error),
                Err(error) => self.problem(manifest.hour(), &file.key, &causes(&error)),
            }
        }
        let (true, Some(first)) = (files.len() == named.len(), named.first()) else {
            // What is wrong with its files was said. The trees would say it again.
            trees.map(Checking::give_up);
            return Ok(None);
        };
        if !self.deep {
            return Ok(None);
        }
        let hashed = |trees: Option<&mut Checking>| trees.map_or(Ok(()), |trees| trees.add::<K>(manifest, &files));
        let checked = match K::check(manifest, part, &files) {
            Ok(()) => hashed(trees),
            Err(reason) => {
                trees.map(Checking::give_up);
                Err(reason)
            }
        };
        match checked.and_then(|()| K::fingerprints_stored(&files)) {
            Ok(fingerprints) => Ok(fingerprints),
            Err(reason) => {
                self.problem(manifest.hour(), &first.key, &reason);
                Ok(None)
            }
        }
    }

    fn problem(&mut self, hour: Hour, key: &str, reason: &str) {
        self.report.problems.push(Problem { hour, key: key.to_owned(), reason: reason.to_owned() });
    }

    /// What was found.
    pub fn finish(self) -> Report {
        self.report
    }
}

/// What a manifest was sealed with, and every way in which it fails to follow the one before it.
fn chain_problems<P: Entry>(previous: Option<&Manifest<P>>, manifest: &Manifest<P>) -> Vec<String> {
    let alarms = manifest.alarms.iter().map(|alarm| format!("sealed with an alarm: {alarm}"));
    alarms.chain(follow_problems(previous, manifest)).collect()
}

/// Every way in which a manifest fails to follow the one before it.
fn follow_problems<P: Entry>(previous: Option<&Manifest<P>>, manifest: &Manifest<P>) -> Vec<String> {
    let mut problems = Vec::new();
    let restore = "put what was lost or changed back from a copy of the archive";
    let Some(previous) = previous else {
        if manifest.previous.is_some() {
            let gone = "it names a previous manifest, and there is none: the chain's beginning is missing";
            problems.push(format!("{gone}; {restore}"));
        }
        return problems;
    };
    if manifest.previous != Some(previous.digest().to_string()) {
        problems.push(format!("it names another manifest than that of {} as its previous; {restore}", previous.hour));
    }
    // A new epoch goes on with the numbers of the one before.
    if manifest.epoch < previous.epoch || manifest.first_seq != previous.last_seq + 1 {
        problems
            .push(format!("it begins at frame {}, the hour before ends at {}", manifest.first_seq, previous.last_seq));
    }
    if !previous.chain_after().is_some_and(|chain| manifest.begins_at(&chain)) {
        problems.push("its writers do not begin where the hour before left them".into());
    }
    problems
}
