//! From sealed hour to sealed hour: each must follow the one before, and none may be missing between two.

use clicktrail_log::{
    archive::{Archive, Error as ArchiveError},
    chain::Chain,
    position::{Epoch, Position, Seq},
    time::Hour,
};

use super::source::{SealedHour, Source};

/// Where the reader stands between two hours: what the hours so far leave for the next.
#[derive(Debug, Clone)]
pub(super) struct Walk {
    /// The hour that comes next; `None` while nothing is sealed.
    pub(super) hour: Option<Hour>,
    /// The first frame that no hour so far holds.
    pub(super) next: Seq,
    /// The writers' chains before it.
    pub(super) chain: Chain,
    /// Of the last hour read; `None` before the first.
    pub(super) epoch: Option<Epoch>,
    /// The digest of the manifest before.
    previous: Option<String>,
    /// Whether the first hour read must be the first that was ever sealed: what is wanted begins before it.
    from_beginning: bool,
    /// The last hour that was seen to be sealed: none before it may be missing.
    listed: Option<Hour>,
}

impl Walk {
    /// Before everything that was ever logged.
    pub(super) async fn from_beginning(archive: &Archive, source: Source) -> Result<Self, ArchiveError> {
        let mut walk = Self {
            hour: None,
            next: Seq::FIRST,
            chain: Chain::default(),
            epoch: None,
            previous: None,
            from_beginning: true,
            listed: None,
        };
        walk.look(archive, source).await?;
        Ok(walk)
    }

    /// Before `hour`; behind the last sealed hour if that is earlier.
    pub(super) async fn at_hour(archive: &Archive, source: Source, hour: Hour) -> Result<Self, ArchiveError> {
        let mut walk = Self::from_beginning(archive, source).await?;
        let (Some(first), Some(last)) = (walk.hour, walk.listed) else { return Ok(walk) };
        if hour > last {
            walk.skip_to(archive, source, last).await?;
        } else if hour >= first {
            (walk.hour, walk.from_beginning) = (Some(hour), false);
        }
        Ok(walk)
    }

    /// Before the hour that holds `position`; behind the last sealed hour if none does.
    pub(super) async fn at_position(
        archive: &Archive,
        source: Source,
        position: Position,
    ) -> Result<Self, ArchiveError> {
        let mut walk = Self::from_beginning(archive, source).await?;
        let (Some(first), Some(last)) = (walk.hour, walk.listed) else { return Ok(walk) };
        let (wanted, mut low, mut high) = ((position.epoch(), position.seq()), first.as_i64(), last.as_i64() + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            let sealed = hour_at(archive, source, Hour::from_i64(middle)).await?;
            match (sealed.epoch, sealed.last) < wanted {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        let found = Hour::from_i64(low);
        if found > last {
            walk.skip_to(archive, source, last).await?;
            return Ok(walk);
        }
        let sealed = hour_at(archive, source, found).await?;
        (walk.hour, walk.from_beginning) = (Some(found), (sealed.epoch, sealed.first) > wanted);
        Ok(walk)
    }

    /// Goes behind an hour without reading its rows, nor any before it.
    async fn skip_to(&mut self, archive: &Archive, source: Source, hour: Hour) -> Result<(), ArchiveError> {
        let sealed = hour_at(archive, source, hour).await?;
        self.pass(&sealed);
        Ok(())
    }

    /// Looks which hours are sealed.
    pub(super) async fn look(&mut self, archive: &Archive, source: Source) -> Result<(), ArchiveError> {
        let hours = archive.sealed_hours(source.stream()).await?;
        self.hour = self.hour.or(hours.first().copied());
        self.listed = hours.last().copied();
        Ok(())
    }

    /// The next hour, if it is sealed. The walk goes behind it.
    pub(super) async fn next(&mut self, archive: &Archive, source: Source) -> Result<Option<SealedHour>, ArchiveError> {
        let Some(hour) = self.hour else { return Ok(None) };
        let sealed = match source.hour(archive, hour).await? {
            Some(sealed) => sealed,
            None if self.listed.is_some_and(|last| hour <= last) => {
                return Err(ArchiveError::Missing(source.manifest_key(hour)));
            }
            None => return Ok(None),
        };
        if let Some(reason) = self.refuses(&sealed, source) {
            return Err(ArchiveError::Damaged { key: source.manifest_key(hour), reason });
        }
        self.pass(&sealed);
        Ok(Some(sealed))
    }

    /// Why an hour cannot be the next.
    fn refuses(&self, sealed: &SealedHour, source: Source) -> Option<String> {
        let Some(epoch) = self.epoch else {
            let begins = sealed.previous.is_none() && (sealed.first == Seq::FIRST || source.is_cut());
            let told = "it is not the first hour that was sealed: the manifests before it are missing";
            return (self.from_beginning && !begins).then(|| told.to_owned());
        };
        if sealed.previous != self.previous {
            return Some("it names another manifest than the one before it as its previous".to_owned());
        }
        // A new epoch goes on with the numbers of the one before.
        let follows = sealed.epoch >= epoch && sealed.first == self.next;
        (!follows)
            .then(|| format!("it begins at frame {}, the hour before ends before frame {}", sealed.first, self.next))
    }

    fn pass(&mut self, sealed: &SealedHour) {
        self.hour = Some(sealed.hour.next());
        self.next = sealed.last.next();
        self.chain = sealed.chain.clone();
        self.epoch = Some(sealed.epoch);
        self.previous = Some(sealed.digest.clone());
    }
}

/// An hour that must be sealed, because a later one is.
async fn hour_at(archive: &Archive, source: Source, hour: Hour) -> Result<SealedHour, ArchiveError> {
    let missing = || ArchiveError::Missing(source.manifest_key(hour));
    source.hour(archive, hour).await?.ok_or_else(missing)
}
