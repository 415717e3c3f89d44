//! What invoices are made of, the documents, and the records that they were issued: put once, never written over, and
//! compared with their digests when they are read.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures::{TryStreamExt as _, future::try_join_all, stream::BoxStream};
use object_store::{ObjectMeta, path::Path};

use super::{
    entry::File,
    keys::{
        IssuedKey,
        invoices::{DocumentKey, Form, Input, InputKey, is_series},
    },
    store::{Archive, Error},
};
use crate::frame::Digest;

impl Archive {
    /// Puts an input of documents, and gives the digest by which they name it. One that is there already stays.
    ///
    /// # Errors
    /// [`Error::Damaged`] if something else stands there; [`Error::Unavailable`].
    pub async fn put_input(&self, input: Input, bytes: Bytes) -> Result<Digest, Error> {
        let digest = Digest::of(&bytes);
        self.create_content(&InputKey { input, digest }.path(), bytes).await?;
        Ok(digest)
    }

    /// An input of documents, if it is what its digest says.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Damaged`], [`Error::Unavailable`].
    pub async fn input(&self, input: Input, digest: &Digest) -> Result<Bytes, Error> {
        let path = InputKey { input, digest: *digest }.path();
        let bytes = self.get(&path).await?;
        let found = Digest::of(&bytes);
        match found == *digest {
            true => Ok(bytes),
            false => Err(Error::Damaged { key: path.to_string(), reason: format!("its SHA-256 is {found}") }),
        }
    }

    /// Puts forms of a document under its series, number and their digests, and gives them back as files in the same
    /// order. Whether it was issued under that number is said elsewhere.
    ///
    /// # Errors
    /// [`Error::Damaged`] if something else stands there; [`Error::Unavailable`].
    pub async fn put_document(
        &self,
        series: &str,
        number: u32,
        forms: Vec<(Form, Bytes)>,
    ) -> Result<Vec<(Form, File)>, Error> {
        let mut files = Vec::with_capacity(forms.len());
        let mut put = Vec::with_capacity(forms.len());
        for (form, bytes) in forms {
            let digest = Digest::of(&bytes);
            let path = DocumentKey::new(series, number, form, &digest).path();
            let file = File { key: path.to_string(), bytes: bytes.len() as u64, sha256: digest.to_string() };
            files.push((form, file));
            put.push((path, bytes));
        }
        self.create_all(put).await.map_err(of_content)?;
        Ok(files)
    }

    /// Puts a form of a document back that is missing or damaged: `bytes` are those that were issued.
    ///
    /// # Errors
    /// [`Error::Setup`] if they are not; [`Error::Unavailable`].
    pub async fn restore_document(&self, file: &File, bytes: Bytes) -> Result<(), Error> {
        let found = Digest::of(&bytes).to_string();
        if found != file.sha256 || DocumentKey::parse(&file.key).is_none() {
            return Err(Error::Setup(format!("what is to be put back at {} has SHA-256 {found}", file.key)));
        }
        self.put_content(&Path::from(file.key.as_str()), bytes).await
    }

    /// Puts the record that a document was issued. The same record again is no error.
    ///
    /// # Errors
    /// [`Error::Conflict`] if another one stands there; [`Error::Unavailable`].
    pub async fn put_issued(&self, key: &IssuedKey, record: Bytes) -> Result<(), Error> {
        self.create(&key.path(), record).await
    }

    /// The records of issued documents that are there, by series and number.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Setup`] naming a file among them that is none.
    pub async fn issued(&self) -> Result<Vec<IssuedKey>, Error> {
        let prefix = IssuedKey::prefix();
        issued_keys(self.object_store().list(Some(&prefix)), &prefix).await
    }

    /// The records of a series behind a number, in their order, without a look at those before.
    ///
    /// # Errors
    /// As [`issued`](Self::issued).
    pub async fn issued_behind(&self, series: &str, number: u32) -> Result<Vec<IssuedKey>, Error> {
        let (prefix, after) = (IssuedKey::prefix_of(series), IssuedKey { series: series.to_owned(), number }.path());
        issued_keys(self.object_store().list_with_offset(Some(&prefix), &after), &prefix).await
    }

    /// The series that have records.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Setup`] naming a folder that is none of a series.
    pub async fn issued_series(&self) -> Result<Vec<String>, Error> {
        let prefix = IssuedKey::prefix();
        let listed = self.object_store().list_with_delimiter(Some(&prefix)).await;
        let listed = listed.map_err(|source| Error::Unavailable { key: prefix.to_string(), source })?;
        let series = |path: &Path| {
            let name = path.filename().filter(|name| is_series(name)).map(str::to_owned);
            name.ok_or_else(|| Error::Setup(format!("{path} stands among the issued documents and is no series")))
        };
        let mut found = listed.common_prefixes.iter().map(series).collect::<Result<Vec<_>, _>>()?;
        found.sort_unstable();
        Ok(found)
    }

    /// The digests of all inputs of a kind.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Setup`] naming a file among them that is none.
    pub async fn inputs(&self, input: Input) -> Result<BTreeSet<Digest>, Error> {
        let prefix = input.prefix();
        let listed = self.object_store().list(Some(&prefix)).try_collect::<Vec<_>>().await;
        let listed = listed.map_err(|source| Error::Unavailable { key: prefix.to_string(), source })?;
        let digest = |path: &Path| {
            let key = InputKey::parse(path.as_ref()).filter(|key| key.input == input);
            key.map(|key| key.digest)
                .ok_or_else(|| Error::Setup(format!("{path} stands in {prefix} and is none of it")))
        };
        listed.iter().map(|meta| digest(&meta.location)).collect()
    }

    /// Creates objects, each as [`create`](Self::create) does. In a local directory all are durable before one of
    /// them has its name.
    ///
    /// # Errors
    /// As [`create`](Self::create), of the first that fails.
    async fn create_all(&self, files: Vec<(Path, Bytes)>) -> Result<(), Error> {
        let Some((first, _)) = files.first() else { return Ok(()) };
        let created = self.on_disk(first, {
            let files = files.clone();
            move |directory, _| {
                let files: Vec<_> = files.iter().map(|(path, bytes)| (path.as_ref(), bytes.as_ref())).collect();
                directory.create_all(&files)
            }
        });
        let created = created.await?.unwrap_or_else(|| vec![false; files.len()]);
        let others = files.into_iter().zip(created).filter(|(_, is_new)| !is_new);
        try_join_all(others.map(|((path, bytes), _)| async move { self.create(&path, bytes).await })).await.map(drop)
    }

    /// Creates an object that is named by its content: whatever stands there under that name must be it.
    async fn create_content(&self, path: &Path, bytes: Bytes) -> Result<(), Error> {
        self.create(path, bytes).await.map_err(of_content)
    }
}

/// Of an object that is named by its content nothing else can stand there.
fn of_content(error: Error) -> Error {
    match error {
        Error::Conflict(key) => Error::Damaged { key, reason: "it is not what its name says".to_owned() },
        other @ (Error::Unavailable { .. }
        | Error::Missing(_)
        | Error::Damaged { .. }
        | Error::Manifest { .. }
        | Error::Setup(_)) => other,
    }
}

async fn issued_keys(
    listed: BoxStream<'_, object_store::Result<ObjectMeta>>,
    prefix: &Path,
) -> Result<Vec<IssuedKey>, Error> {
    let listed = listed.try_collect::<Vec<_>>().await;
    let listed = listed.map_err(|source| Error::Unavailable { key: prefix.to_string(), source })?;
    let key = |path: &Path| {
        IssuedKey::parse(path.as_ref())
            .ok_or_else(|| Error::Setup(format!("{path} stands among the issued documents and is none")))
    };
    let mut keys = listed.iter().map(|meta| key(&meta.location)).collect::<Result<Vec<_>, _>>()?;
    keys.sort_unstable();
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::{ObjectStoreExt as _, memory::InMemory};

    use super::*;

    #[tokio::test]
    async fn what_was_put_is_never_written_over_and_damage_is_named() {
        let store = Arc::new(InMemory::new());
        let archive = Archive::from_store(Arc::clone(&store) as Arc<_>);
        let digest = archive.put_input(Input::Basis, "{}\n".into()).await.unwrap();
        assert_eq!(archive.put_input(Input::Basis, "{}\n".into()).await.unwrap(), digest);
        assert_eq!(archive.input(Input::Basis, &digest).await.unwrap(), "{}\n");
        let put = || archive.put_document("INV", 1, vec![(Form::Json, "{}\n".into()), (Form::Csv, "a,b\n".into())]);
        let files = put().await.unwrap();
        assert_eq!(put().await.unwrap(), files);
        let [(Form::Json, _), (Form::Csv, file)] = &files[..] else { panic!("{files:?}") };
        assert_eq!(archive.get_file(file).await.unwrap(), "a,b\n");
        let key = IssuedKey { series: "INV".to_owned(), number: 1 };
        archive.put_issued(&key, "1".into()).await.unwrap();
        archive.put_issued(&key, "1".into()).await.unwrap();
        let refused = archive.put_issued(&key, "2".into()).await.unwrap_err();
        assert!(matches!(refused, Error::Conflict(_)), "{refused}");
        assert_eq!(archive.issued().await.unwrap(), [key]);

        let basis = InputKey { input: Input::Basis, digest }.path();
        store.put(&basis, "{} \n".into()).await.unwrap();
        let damaged = archive.input(Input::Basis, &digest).await.unwrap_err().to_string();
        assert!(damaged.contains(basis.as_ref()) && damaged.contains("copy of the archive"), "{damaged}");
        assert!(matches!(archive.put_input(Input::Basis, "{}\n".into()).await, Err(Error::Damaged { .. })));
        store.put(&Path::from(file.key.as_str()), "x".into()).await.unwrap();
        let damaged = archive.get_file(file).await.unwrap_err().to_string();
        assert!(damaged.contains("--repair"), "{damaged}");
        assert!(matches!(put().await, Err(Error::Damaged { key, .. }) if key == file.key));
        archive.restore_document(file, "other".into()).await.unwrap_err();
        archive.restore_document(file, "a,b\n".into()).await.unwrap();
        assert_eq!(archive.get_file(file).await.unwrap(), "a,b\n");
    }
}
