//! An archive that is only read. What a question derives from it, as the segment of an hour as of some verdict, goes
//! into a directory aside, and is found there for as long as that lasts.

use std::{
    collections::HashSet,
    fmt,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt as _, stream, stream::BoxStream};
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt as _, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, path::Path,
};

/// Two stores: one that is read, and one that takes what is put.
#[derive(Debug)]
pub(super) struct Aside {
    /// `None`: there is no archive.
    read: Option<Arc<dyn ObjectStore>>,
    put: Arc<dyn ObjectStore>,
    /// What lies in `put`.
    names: Mutex<HashSet<Path>>,
}

impl Aside {
    pub(super) fn new(read: Option<Arc<dyn ObjectStore>>, put: Arc<dyn ObjectStore>) -> Self {
        Self { read, put, names: Mutex::default() }
    }

    fn holds(&self, path: &Path) -> bool {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).contains(path)
    }

    /// The store that has an object, if there is one.
    fn of(&self, path: &Path) -> Result<&Arc<dyn ObjectStore>> {
        match self.holds(path) {
            true => Ok(&self.put),
            false => self.read.as_ref().ok_or_else(|| absent(path)),
        }
    }
}

impl fmt::Display for Aside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.read {
            Some(read) => write!(f, "{read}, which is only read"),
            None => f.write_str("no archive"),
        }
    }
}

fn absent(path: &Path) -> Error {
    Error::NotFound { path: path.to_string(), source: "there is no archive".into() }
}

fn refused(path: &Path) -> Error {
    Error::PermissionDenied { path: path.to_string(), source: "the archive is only read".into() }
}

#[async_trait]
impl ObjectStore for Aside {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let is_new = matches!(options.mode, PutMode::Create);
        if is_new && self.head(path).await.is_ok() {
            return Err(Error::AlreadyExists { path: path.to_string(), source: "it is in the archive".into() });
        }
        let put = self.put.put_opts(path, payload, options).await?;
        self.names.lock().unwrap_or_else(PoisonError::into_inner).insert(path.clone());
        Ok(put)
    }

    async fn put_multipart_opts(&self, path: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(refused(path))
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.of(path)?.get_opts(path, options).await
    }

    async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.of(path)?.get_ranges(path, ranges).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        paths.map(|path| Err(refused(&path?))).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let archived = match &self.read {
            Some(read) => read.list(prefix),
            None => stream::empty().boxed(),
        };
        let others = archived.filter(move |found| {
            let is_aside = found.as_ref().is_ok_and(|found| names.contains(&found.location));
            std::future::ready(!is_aside)
        });
        others.chain(self.put.list(prefix)).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let aside = self.put.list_with_delimiter(prefix).await?;
        let Some(read) = &self.read else { return Ok(aside) };
        let mut found = read.list_with_delimiter(prefix).await?;
        found.common_prefixes.extend(aside.common_prefixes);
        found.common_prefixes.sort_unstable();
        found.common_prefixes.dedup();
        found.objects.retain(|archived| !self.holds(&archived.location));
        found.objects.extend(aside.objects);
        Ok(found)
    }

    async fn copy_opts(&self, _: &Path, to: &Path, _: CopyOptions) -> Result<()> {
        Err(refused(to))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use object_store::memory::InMemory;

    use super::*;
    use crate::archive::{Archive, Error, keys::SegmentKey};
    use crate::{frame::Digest, time::Hour};

    #[tokio::test]
    async fn what_is_put_is_found_and_the_archive_stays_as_it_was() {
        let (read, aside): (Arc<dyn ObjectStore>, Arc<dyn ObjectStore>) =
            (Arc::new(InMemory::new()), Arc::new(InMemory::new()));
        let path = |hour: i64| SegmentKey::new("counters", Hour::from_i64(hour), &Digest::of(b"")).path();
        let written = Archive::from_store(Arc::clone(&read));
        written.create(&path(1), Bytes::from("sealed")).await.unwrap();
        let archive = Archive::from_store(Arc::new(Aside::new(Some(Arc::clone(&read)), aside)));
        assert_eq!(archive.get(&path(1)).await.unwrap(), "sealed");
        archive.put_content(&path(2), Bytes::from("derived")).await.unwrap();
        assert_eq!(archive.get(&path(2)).await.unwrap(), "derived");
        let again = archive.create(&path(1), Bytes::from("another")).await.unwrap_err();
        assert!(matches!(again, Error::Conflict(_)), "{again}");
        archive.remove_derived(&path(1)).await.unwrap_err();
        let all = |archive: Archive| async move {
            let listed = archive.list(&Path::from("segments")).await.unwrap();
            listed.into_iter().map(|found| found.path).collect::<Vec<_>>()
        };
        assert_eq!(all(archive).await, [path(1), path(2)]);
        assert_eq!(all(written).await, [path(1)]);
    }

    #[tokio::test]
    async fn no_archive_holds_nothing() {
        let archive = Archive::from_store(Arc::new(Aside::new(None, Arc::new(InMemory::new()))));
        let missing = archive.get(&Path::from("doctor/probe")).await.unwrap_err();
        assert!(matches!(missing, Error::Missing(_)), "{missing}");
        assert!(archive.sealed_hours(crate::log::Stream::Clicks).await.unwrap().is_empty());
    }
}
