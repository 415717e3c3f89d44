//! The archive's store in memory, as a role reaches it through its gate.

use std::{fmt, ops::Range, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream, stream::BoxStream};
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, memory::InMemory, path::Path,
};

use super::{
    gate::{Gate, Outcome},
    place::Place,
};

/// A store in memory behind a gate.
#[derive(Debug, Clone)]
pub(super) struct Objects {
    pub(super) inner: Arc<InMemory>,
    pub(super) gate: Arc<Gate>,
}

impl fmt::Display for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("objects behind a gate")
    }
}

fn failed(what: &'static str) -> Error {
    Error::Generic { store: "objects", source: what.into() }
}

impl Objects {
    async fn pass<T>(&self, what: String, future: impl Future<Output = Result<T>> + Send) -> Result<T> {
        let effect = || future.now_or_never().expect("what is in memory is there at once");
        match self.gate.pass(Place::Objects, &what, effect).await {
            Outcome::Done(result) => result,
            Outcome::Refused => Err(failed("refused")),
            Outcome::Unknown => Err(failed("no answer")),
        }
    }
}

#[async_trait]
impl ObjectStore for Objects {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.pass(format!("put {}", kind(location)), self.inner.put_opts(location, payload, opts)).await
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(failed("nobody uploads in parts"))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let what = if options.head { "head" } else { "get" };
        self.pass(format!("{what} {}", kind(location)), self.inner.get_opts(location, options)).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.pass(format!("ranges of {}", kind(location)), self.inner.get_ranges(location, ranges)).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let objects = self.clone();
        let delete = move |location: Result<Path>| {
            let objects = objects.clone();
            async move {
                let location = location?;
                let one = stream::once(std::future::ready(Ok(location.clone()))).boxed();
                let deleted = objects.inner.delete_stream(one).try_collect::<Vec<_>>();
                objects.pass("delete".to_owned(), deleted).await.map(|_| location)
            }
        };
        locations.then(delete).boxed()
    }

    /// A list that fails has told the first half by then.
    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (objects, prefix) = (self.clone(), prefix.cloned());
        let listed = async move {
            let all: Vec<ObjectMeta> =
                objects.inner.list(prefix.as_ref()).try_collect().now_or_never().expect("it is in memory")?;
            let mut told: Vec<Result<ObjectMeta>> = all.into_iter().map(Ok).collect();
            if let Err(error) = objects.pass("list".to_owned(), std::future::ready(Ok(()))).await {
                told.truncate(told.len() / 2);
                told.push(Err(error));
            }
            Ok::<_, Error>(stream::iter(told))
        };
        stream::once(listed).try_flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.pass("list".to_owned(), self.inner.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.pass("copy".to_owned(), self.inner.copy_opts(from, to, options)).await
    }
}

/// An object as the journal names it: names have digests of random salts in them.
fn kind(location: &Path) -> String {
    let mut parts: Vec<_> = location.parts().map(|part| part.as_ref().to_owned()).collect();
    if parts.len() > 1 && parts.last().is_some_and(|last| last.len() > 24) {
        parts.pop();
    }
    parts.join("/")
}
