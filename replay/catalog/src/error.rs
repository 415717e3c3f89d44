//! Why the catalog did not do what it was asked.

/// Why the catalog did not do what it was asked, by what the caller can do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be reached or is locked: try again later. If the connection broke during the commit, the
    /// call may have been done. To make the same call again is safe: it then changes nothing, or is a
    /// [`Conflict`](Error::Conflict).
    #[error("the catalog is not available")]
    Unavailable(#[source] sqlx::Error),
    /// Somebody else was faster: read the state again. The text names what moved.
    #[error("the catalog moved: {0}")]
    Conflict(String),
    /// It cannot be done as things stand, and not by asking again: the text names what is in the way.
    #[error("the catalog refuses {0}")]
    Refused(String),
    /// What is stored is not what this program stores: it is of another version, or damaged.
    #[error("the catalog holds {0}")]
    Corrupt(String),
    /// What mirrors archive and logs is lost, or not as it was stored: nothing is answered from it, and a rebuild makes
    /// it again.
    #[error("the catalog is damaged: {0}: run `clicktrail catalog rebuild`")]
    Damaged(String),
    /// Anything else: a constraint does not hold that should, or SQL does not run.
    #[error("query the catalog")]
    Database(#[source] sqlx::Error),
}

impl Error {
    /// Whether the same call may succeed later without anybody's help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::Conflict(_) => true,
            Self::Refused(_) | Self::Corrupt(_) | Self::Damaged(_) | Self::Database(_) => false,
        }
    }
}
