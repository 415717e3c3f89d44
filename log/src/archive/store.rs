//! Puts and gets with the guarantees that sealing needs: parts are named by their content, manifests are only ever
//! created, and in a local directory everything is durable before it has its name (`Directory`).

#![expect(
    clippy::disallowed_methods,
    reason = "directories are synced on a thread that may block; the address of an S3 comes as its other tools take it"
)]

use std::{ops::Range, path::PathBuf, sync::Arc};

use bytes::Bytes;
use futures::TryStreamExt as _;
use object_store::{
    GetOptions, GetRange, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload, aws::AmazonS3Builder,
    local::LocalFileSystem, path::Path,
};

use crate::{
    archive::{
        aside::Aside,
        directory::Directory,
        entry::{Entry, File},
        keys::{ManifestKey, PromotionKey, ReceiptKey, SegmentKey, TransparencyKey, remedy},
        kind::Kind,
        manifest::{self, Manifest},
        watch::Watch,
    },
    frame::Digest,
    invariant,
    log::Stream,
    time::{Hour, Timestamp},
};

/// Why the archive did not do what it was asked, by what the caller can do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store cannot be reached: try again later.
    #[error("the archive is not available: {key}")]
    Unavailable {
        /// What was put or got.
        key: String,
        /// Why.
        #[source]
        source: object_store::Error,
    },
    /// An object that a manifest names, or a manifest itself, is not there.
    #[error("{0} is missing from the archive: {remedy}", remedy = remedy(.0))]
    Missing(String),
    /// An object is there, but is not what its manifest says: restore it from a copy.
    #[error("{key} is damaged: {reason}: {remedy}", remedy = remedy(key))]
    Damaged {
        /// The object.
        key: String,
        /// How it differs.
        reason: String,
    },
    /// A manifest cannot be read.
    #[error("{key} is not a manifest that can be used: {remedy}", remedy = remedy(key))]
    Manifest {
        /// The manifest.
        key: String,
        /// Why.
        #[source]
        source: manifest::Error,
    },
    /// The hour is sealed already, with other content: two archivers disagree, or the log changed. A person must act.
    #[error("{0} is sealed with other content")]
    Conflict(String),
    /// The store is not set up as it must be.
    #[error("{0}")]
    Setup(String),
}

impl Error {
    /// Whether the same call may succeed later without anybody's help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable { .. } => true,
            Self::Missing(_) | Self::Damaged { .. } | Self::Manifest { .. } | Self::Conflict(_) | Self::Setup(_) => {
                false
            }
        }
    }
}

/// An object that stands in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub path: Path,
    /// Its size.
    pub bytes: u64,
    /// When it was written last, by the store's clock.
    pub modified: Timestamp,
}

/// The archive's store.
#[derive(Debug, Clone)]
pub struct Archive {
    store: Arc<dyn ObjectStore>,
    /// Set for a local directory, whose files we write, because the store gives them their names before they are
    /// durable.
    directory: Option<Arc<Directory>>,
    /// Who sees what is read.
    watches: Vec<Arc<dyn Watch>>,
}

impl Archive {
    /// An archive in a local directory, which is created if it is not there.
    ///
    /// # Errors
    /// [`Error::Setup`] if the directory cannot be made.
    pub fn directory(path: PathBuf) -> Result<Self, Error> {
        let setup =
            |error: &dyn std::fmt::Display| Error::Setup(format!("archive directory {}: {error}", path.display()));
        std::fs::create_dir_all(&path).map_err(|error| setup(&error))?;
        let store = LocalFileSystem::new_with_prefix(&path).map_err(|error| setup(&error))?;
        let directory = Arc::new(Directory::new(path));
        Ok(Self { store: Arc::new(store), directory: Some(directory), watches: Vec::new() })
    }

    /// An archive in a bucket of S3 or of a compatible store. Credentials, region and endpoint come from the usual
    /// `AWS_*` variables. An endpoint without TLS is accepted only at a loopback address.
    ///
    /// # Errors
    /// [`Error::Setup`] if the settings do not make a client.
    pub fn s3(bucket: &str) -> Result<Self, Error> {
        let endpoint = std::env::var("AWS_ENDPOINT_URL").or_else(|_| std::env::var("AWS_ENDPOINT")).unwrap_or_default();
        let loopback =
            ["http://127.", "http://localhost", "http://[::1]"].iter().any(|prefix| endpoint.starts_with(prefix));
        let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket).with_allow_http(loopback);
        if !endpoint.is_empty() {
            builder = builder.with_endpoint(endpoint);
        }
        let store = builder.build().map_err(|error| Error::Setup(format!("bucket {bucket}: {error}")))?;
        Ok(Self { store: Arc::new(store), directory: None, watches: Vec::new() })
    }

    /// The archive in a local directory, for reading alone: it is not made if it is not there, and what is derived from
    /// it goes into the directory `aside`.
    ///
    /// # Errors
    /// [`Error::Setup`] if a directory cannot be opened.
    pub fn read_directory(path: &std::path::Path, aside: &std::path::Path) -> Result<Self, Error> {
        let setup = |error: object_store::Error| Error::Setup(format!("archive directory {}: {error}", path.display()));
        let read = match path.is_dir() {
            true => Some(Arc::new(LocalFileSystem::new_with_prefix(path).map_err(setup)?) as Arc<dyn ObjectStore>),
            false => None,
        };
        Self::read_only(read, aside)
    }

    /// The archive in a bucket as [`Archive::s3`] has it, for reading alone.
    ///
    /// # Errors
    /// As [`Archive::s3`] and [`Archive::read_directory`].
    pub fn read_s3(bucket: &str, aside: &std::path::Path) -> Result<Self, Error> {
        Self::read_only(Some(Self::s3(bucket)?.store), aside)
    }

    fn read_only(read: Option<Arc<dyn ObjectStore>>, aside: &std::path::Path) -> Result<Self, Error> {
        let put = LocalFileSystem::new_with_prefix(aside);
        let put = put.map_err(|error| Error::Setup(format!("directory {}: {error}", aside.display())))?;
        let store = Aside::new(read, Arc::new(put));
        Ok(Self { store: Arc::new(store), directory: None, watches: Vec::new() })
    }

    /// Any other store, for tests.
    pub fn from_store(store: Arc<dyn ObjectStore>) -> Self {
        Self { store, directory: None, watches: Vec::new() }
    }

    /// The same archive, of which `watch` too sees every file that is read.
    pub fn watched(&self, watch: Arc<dyn Watch>) -> Self {
        let mut watched = self.clone();
        watched.watches.push(watch);
        watched
    }

    /// The store itself, for readers that read in their own way.
    pub fn object_store(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.store)
    }

    /// Puts content under a name that has its digest in it. If the same content is there already, nothing is done.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn put_content(&self, path: &Path, bytes: Bytes) -> Result<(), Error> {
        invariant!(I3, ManifestKey::parse(path.as_ref()).is_none(), "manifest {path} could be written over");
        let size = bytes.len() as u64;
        if let Ok(meta) = self.store.head(path).await
            && meta.size == size
        {
            let stored = self.get(path).await?;
            if stored == bytes {
                // Whoever wrote it may have died before it was durable.
                return self.on_disk(path, Directory::sync).await.map(drop);
            }
        }
        if self.directory.is_some() {
            return self.on_disk(path, move |directory, file| directory.replace(file, &bytes)).await.map(drop);
        }
        let put = self.store.put(path, PutPayload::from_bytes(bytes)).await;
        put.map(drop).map_err(|source| unavailable(path, source))
    }

    /// Creates a document. If it is there already with the same content, that is no error: the step is done again.
    ///
    /// # Errors
    /// [`Error::Conflict`] if it is there with other content; [`Error::Unavailable`].
    pub async fn create(&self, path: &Path, bytes: Bytes) -> Result<(), Error> {
        if self.create_new(path, bytes.clone()).await? {
            return Ok(());
        }
        if self.get(path).await? == bytes {
            return self.on_disk(path, Directory::sync).await.map(drop);
        }
        Err(Error::Conflict(path.to_string()))
    }

    /// Creates an object; `false` if one is there.
    async fn create_new(&self, path: &Path, bytes: Bytes) -> Result<bool, Error> {
        let created = self.on_disk(path, {
            let bytes = bytes.clone();
            move |directory, file| directory.create(file, &bytes)
        });
        if let Some(created) = created.await? {
            return Ok(created);
        }
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.store.put_opts(path, PutPayload::from_bytes(bytes), options).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => Ok(false),
            Err(source) => Err(unavailable(path, source)),
        }
    }

    /// A whole object.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Unavailable`].
    pub async fn get(&self, path: &Path) -> Result<Bytes, Error> {
        let got = self.store.get(path).await.map_err(|source| not_found(path, source))?;
        got.bytes().await.map_err(|source| unavailable(path, source))
    }

    /// The beginning of an object, at most `bytes_max` of it, and how many bytes it has.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Unavailable`].
    pub async fn get_start(&self, path: &Path, bytes_max: u64) -> Result<(Bytes, u64), Error> {
        let options = GetOptions { range: Some(GetRange::Bounded(0..bytes_max)), ..GetOptions::default() };
        let got = match self.store.get_opts(path, options).await {
            Ok(got) => got,
            // An empty object has no beginning, which stores call an error.
            Err(source) => match self.store.head(path).await {
                Ok(meta) if meta.size == 0 => return Ok((Bytes::new(), 0)),
                Ok(_) | Err(_) => return Err(not_found(path, source)),
            },
        };
        let bytes = got.meta.size;
        Ok((got.bytes().await.map_err(|source| unavailable(path, source))?, bytes))
    }

    /// Ranges of an object, those that lie close together in one request.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Unavailable`].
    pub async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, Error> {
        let read = self.store.get_ranges(path, ranges).await.map_err(|source| not_found(path, source))?;
        invariant!(I3, read.len() == ranges.len(), "{} of {} ranges of {path} were read", read.len(), ranges.len());
        Ok(read)
    }

    /// A whole object, if it is exactly what a manifest says; of a file from which something was erased what stands in
    /// its place, if it is exactly what the redaction says.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Damaged`] with the difference, [`Error::Unavailable`].
    pub async fn get_file(&self, file: &File) -> Result<Bytes, Error> {
        let bytes = match self.get_exactly(file).await {
            Err(missing @ Error::Missing(_)) => match self.in_place_of(file).await? {
                Some(left) => self.get_exactly(&left).await?,
                None => return Err(missing),
            },
            read => read?,
        };
        self.watches.iter().for_each(|watch| watch.see(file, &bytes));
        Ok(bytes)
    }

    async fn get_exactly(&self, file: &File) -> Result<Bytes, Error> {
        let bytes = self.get(&Path::from(file.key.as_str())).await?;
        let damaged = |reason: String| Error::Damaged { key: file.key.clone(), reason };
        if bytes.len() as u64 != file.bytes {
            return Err(damaged(format!("it has {} bytes, its manifest says {}", bytes.len(), file.bytes)));
        }
        let found = Digest::of(&bytes).to_string();
        if found != file.sha256 {
            return Err(damaged(format!("its SHA-256 is {found}, its manifest says {}", file.sha256)));
        }
        Ok(bytes)
    }

    /// Whether a file, or what is left of it, is there and has the size that it should have. It is one request if it is
    /// there, and nothing is read.
    ///
    /// # Errors
    /// As [`Archive::redaction`].
    pub async fn holds_file(&self, file: &File) -> Result<bool, Error> {
        if let Some(bytes) = self.size_of(file).await? {
            return Ok(bytes == file.bytes);
        }
        let Some(left) = self.in_place_of(file).await? else { return Ok(false) };
        Ok(self.size_of(&left).await? == Some(left.bytes))
    }

    async fn size_of(&self, file: &File) -> Result<Option<u64>, Error> {
        let path = Path::from(file.key.as_str());
        match self.store.head(&path).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(unavailable(&path, source)),
        }
    }

    /// Whether an object is there. It is one request, and nothing is read.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn holds(&self, path: &Path) -> Result<bool, Error> {
        match self.store.head(path).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(source) => Err(unavailable(path, source)),
        }
    }

    /// The manifest of an hour of a stream; `None` if the hour is not sealed.
    ///
    /// # Errors
    /// [`Error::Manifest`], [`Error::Unavailable`].
    pub async fn manifest<K: Kind>(&self, hour: Hour) -> Result<Option<Manifest<K::Part>>, Error> {
        let path = ManifestKey { stream: K::STREAM, hour }.path();
        let bytes = match self.get(&path).await {
            Ok(bytes) => bytes,
            Err(Error::Missing(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let unusable = |source| Error::Manifest { key: path.to_string(), source };
        let manifest = Manifest::from_bytes(&bytes).map_err(unusable)?;
        if manifest.hour != hour.to_string() || manifest.stream != K::STREAM.as_str() {
            let reason = format!("it says {} of {}", manifest.hour, manifest.stream);
            return Err(unusable(manifest::Error::Contradiction(reason)));
        }
        Ok(Some(manifest))
    }

    /// The hours of a stream that have a manifest, in order: for a rebuild and for verification, which trust no
    /// catalog.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Setup`] naming a file among the manifests that is not a manifest.
    pub async fn sealed_hours(&self, stream: Stream) -> Result<Vec<Hour>, Error> {
        let prefix = ManifestKey::prefix(stream);
        let listed: Vec<_> =
            self.store.list(Some(&prefix)).try_collect().await.map_err(|source| unavailable(&prefix, source))?;
        let hour = |path: &Path| {
            let key = ManifestKey::parse(path.as_ref());
            key.map(|key| key.hour)
                .ok_or_else(|| Error::Setup(format!("{path} stands among the manifests and is none")))
        };
        let mut hours = listed.iter().map(|meta| hour(&meta.location)).collect::<Result<Vec<_>, _>>()?;
        hours.sort_unstable();
        Ok(hours)
    }

    /// The records of promotions that are there, by number.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Setup`] naming a file among them that is none.
    pub async fn promotions(&self) -> Result<Vec<PromotionKey>, Error> {
        let prefix = PromotionKey::prefix();
        let listed: Vec<_> =
            self.store.list(Some(&prefix)).try_collect().await.map_err(|source| unavailable(&prefix, source))?;
        let key = |path: &Path| {
            PromotionKey::parse(path.as_ref())
                .ok_or_else(|| Error::Setup(format!("{path} stands among the promotions and is none")))
        };
        let mut keys = listed.iter().map(|meta| key(&meta.location)).collect::<Result<Vec<_>, _>>()?;
        keys.sort_unstable_by_key(|key| key.number);
        Ok(keys)
    }

    /// Whether anything stands under a prefix. It is one request, however much stands there.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn holds_any(&self, prefix: &Path) -> Result<bool, Error> {
        let first = self.store.list(Some(prefix)).try_next().await;
        first.map(|found| found.is_some()).map_err(|source| unavailable(prefix, source))
    }

    /// What stands under a prefix, in the order of the names.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn list(&self, prefix: &Path) -> Result<Vec<Listed>, Error> {
        let listed: Vec<_> =
            self.store.list(Some(prefix)).try_collect().await.map_err(|source| unavailable(prefix, source))?;
        let mut all: Vec<Listed> = listed
            .into_iter()
            .map(|meta| Listed {
                path: meta.location,
                bytes: meta.size,
                modified: Timestamp::from_micros(meta.last_modified.timestamp_micros()),
            })
            .collect();
        all.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(all)
    }

    /// Removes an object that was derived from others. One that is gone already is no error.
    ///
    /// # Errors
    /// [`Error::Setup`] for anything that is not derived: clicks, verdicts and manifests are never removed.
    /// [`Error::Unavailable`].
    pub async fn remove_derived(&self, path: &Path) -> Result<(), Error> {
        let name = path.as_ref();
        let is_partial = TransparencyKey::parse(name).is_some_and(|key| key.is_partial());
        if SegmentKey::parse(name).is_none() && ReceiptKey::parse(name).is_none() && !is_partial {
            return Err(Error::Setup(format!("{path} is no segment, receipt or partial tile, and is not removed")));
        }
        self.remove(path).await
    }

    /// Removes an object, durably. One that is gone already is no error.
    pub(super) async fn remove(&self, path: &Path) -> Result<(), Error> {
        if self.on_disk(path, Directory::remove).await?.is_some() {
            return Ok(());
        }
        match self.store.delete(path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(source) => Err(unavailable(path, source)),
        }
    }

    /// Takes the manifest of an hour back that has no frame, and whose time has not come: nothing is lost with it.
    /// Nobody may have signed it.
    ///
    /// # Errors
    /// [`Error::Setup`] if the hour has a frame. [`Error::Unavailable`].
    pub async fn take_back<P: Entry>(&self, manifest: &Manifest<P>) -> Result<(), Error> {
        let stream = Stream::ALL.into_iter().find(|stream| stream.as_str() == manifest.stream);
        let (Some(stream), true) = (stream, manifest.is_empty()) else {
            return Err(Error::Setup(format!("{} of {} holds frames, and stays", manifest.hour, manifest.stream)));
        };
        let path = ManifestKey { stream, hour: manifest.hour() }.path();
        match self.store.delete(&path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(source) => Err(unavailable(&path, source)),
        }
    }

    /// Removes what processes that died had begun to write under a prefix, if it was written before `before`. Returns
    /// how many such files are younger.
    pub(super) async fn remove_torn(&self, prefix: &Path, before: Timestamp) -> Result<u64, Error> {
        let torn = self.on_disk(prefix, move |directory, folder| directory.remove_torn(folder, before.micros()));
        Ok(torn.await?.unwrap_or_default())
    }

    /// Works on a file of a local directory; `None` for a remote store, which sees to durability itself.
    pub(super) async fn on_disk<T: Send + 'static>(
        &self,
        path: &Path,
        work: impl FnOnce(&Directory, &str) -> std::io::Result<T> + Send + 'static,
    ) -> Result<Option<T>, Error> {
        let Some(directory) = self.directory.clone() else { return Ok(None) };
        let file = path.clone();
        let done = tokio::task::spawn_blocking(move || work(&directory, file.as_ref())).await;
        let done = done.map_err(|error| Error::Setup(format!("write {path}: {error}")))?;
        let failed = |error| object_store::Error::Generic { store: "directory", source: Box::new(error) };
        done.map(Some).map_err(|error| unavailable(path, failed(error)))
    }
}

fn unavailable(path: &Path, source: object_store::Error) -> Error {
    Error::Unavailable { key: path.to_string(), source }
}

fn not_found(path: &Path, source: object_store::Error) -> Error {
    match source {
        object_store::Error::NotFound { .. } => Error::Missing(path.to_string()),
        other => unavailable(path, other),
    }
}
