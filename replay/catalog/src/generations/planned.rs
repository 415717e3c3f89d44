//! A plan becomes a generation with its units.

use crate::{
    error::Error,
    generations::{
        model::{Generation, GenerationState, NewUnit, Stored},
        plans, units,
    },
    session::Session,
};

/// See [`Generations::put_generation`](super::Generations::put_generation).
pub(crate) async fn put(session: &mut impl Session, generation: &Generation, new: &[NewUnit]) -> Result<Stored, Error> {
    let id = &generation.id;
    if let Some(standing) = plans::read(session, id).await? {
        if standing.plan == generation.plan {
            return Ok(Stored::Same);
        }
        return Err(Error::Conflict(format!("generation {id} has another plan: two plans begin with the same digest")));
    }
    let state = if new.is_empty() { GenerationState::Built } else { GenerationState::Building };
    plans::insert(session, generation, state).await?;
    units::insert(session, id, new).await?;
    Ok(Stored::New)
}
