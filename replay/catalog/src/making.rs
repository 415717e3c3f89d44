//! Which making of the catalog it is, and the fence: who began before a rebuild writes nothing after it.

use crate::{
    error::Error,
    model::Making,
    rows,
    session::{Backend, Lock, Session},
};

const READ: &str = "SELECT generation FROM catalog_generation";

const RAISE: &str = "UPDATE catalog_generation SET generation = generation + 1";

/// The present one.
pub(crate) async fn read(session: &mut impl Session) -> Result<Making, Error> {
    let found = session.fetch(READ, &[], rows::making).await?;
    found.first().copied().ok_or_else(|| Error::Damaged("no row in catalog_generation".to_owned()))
}

/// The present one, or none that ever was if it is lost: such a handle serves what mirrors nothing, and a rebuild.
pub(crate) async fn opened(backend: &impl Backend) -> Result<Making, Error> {
    match of(backend).await {
        Err(Error::Damaged(_)) => Ok(Making(0)),
        found => found,
    }
}

/// The present one of a database.
pub(crate) async fn of(backend: &impl Backend) -> Result<Making, Error> {
    read(&mut backend.read().await?).await
}

/// Begins the next one.
pub(crate) async fn raise(session: &mut impl Session) -> Result<Making, Error> {
    session.execute(RAISE, &[]).await?;
    read(session).await
}

/// A transaction that may change what decides which frames are counted where.
///
/// # Errors
/// [`Error::Conflict`] if the catalog was rebuilt since the handle was made: what its holder knows may be of another
/// making.
pub(crate) async fn write<B: Backend>(backend: &B) -> Result<B::Session, Error> {
    write_under(backend, Lock::Counts).await
}

/// The same under another lock, which has to hold [`Lock::Counts`] too.
pub(crate) async fn write_under<B: Backend>(backend: &B, lock: Lock) -> Result<B::Session, Error> {
    let mut session = backend.write(lock).await?;
    let (began, now) = (backend.made_in(), read(&mut session).await?);
    if began == now {
        return Ok(session);
    }
    Err(Error::Conflict(format!(
        "it was rebuilt: this is making {}, and what writes began with {}",
        now.get(),
        began.get()
    )))
}
