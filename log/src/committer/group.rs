//! From a group of requests to the frames that carry their rows.

use std::collections::VecDeque;

use arrow::{array::RecordBatch, compute::concat_batches};

use crate::{
    committer::{outcome::Error, queue::Request},
    frame::{self, Frame, Writer},
    invariant,
    time::Timestamp,
};

/// Requests, and the frames that carry exactly their rows, in order.
pub(super) struct Group {
    pub(super) requests: Vec<Request>,
    pub(super) frames: VecDeque<Frame>,
}

impl Group {
    fn new(requests: Vec<Request>, frames: VecDeque<Frame>) -> Self {
        let requested: usize = requests.iter().map(|request| request.batch.num_rows()).sum();
        let framed: u64 = frames.iter().map(|frame| u64::from(frame.header.rows)).sum();
        invariant!(I2, framed == requested as u64, "the frames hold {framed} rows of {requested} requested");
        let numbers = frames.iter().map(|frame| frame.header.number);
        invariant!(
            I1,
            numbers.clone().zip(numbers.skip(1)).all(|(number, next)| next == number + 1),
            "the frames of a group are not numbered one after the other"
        );
        Self { requests, frames }
    }
}

/// A request that fits no frame, and why.
pub(super) type Unfit = (Request, Error);

/// Makes the frames of a group. Requests whose rows fit no frame are left out of it, each with its error.
pub(super) fn encode(writer: &mut Writer, requests: Vec<Request>) -> (Group, Vec<Unfit>) {
    let before = writer.clone();
    let mut frames = VecDeque::new();
    let whole = concat_batches(&requests[0].batch.schema(), requests.iter().map(|request| &request.batch));
    let captured = requests.iter().map(|request| request.captured).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    let captured = captured.expect("a group has at least one request");
    let sealed = match whole {
        Ok(batch) => seal(writer, &batch, captured, &mut frames),
        Err(error) => Err(Error::TooLarge(error.to_string())),
    };
    let Err(error) = sealed else { return (Group::new(requests, frames), Vec::new()) };
    // Some request is at fault. The frames made so far are dropped, so their numbers must be free again; then each
    // request gets frames of its own. That is rare, so simple beats fast.
    *writer = before;
    if requests.len() == 1 {
        let unfit = requests.into_iter().map(|request| (request, error.clone())).collect();
        return (Group::new(Vec::new(), VecDeque::new()), unfit);
    }
    let (mut good, mut frames, mut unfit) = (Vec::new(), VecDeque::new(), Vec::new());
    for request in requests {
        let (one, errors) = encode(writer, vec![request]);
        good.extend(one.requests);
        frames.extend(one.frames);
        unfit.extend(errors);
    }
    (Group::new(good, frames), unfit)
}

/// Makes one frame of the batch, or several of its halves if it does not fit one.
fn seal(
    writer: &mut Writer,
    batch: &RecordBatch,
    captured: (Timestamp, Timestamp),
    frames: &mut VecDeque<Frame>,
) -> Result<(), Error> {
    match writer.seal(batch, captured) {
        Ok(frame) => {
            frames.push_back(frame);
            Ok(())
        }
        Err(frame::Error::TooLarge { .. }) if batch.num_rows() > 1 => {
            let half = batch.num_rows() / 2;
            seal(writer, &batch.slice(0, half), captured, frames)?;
            seal(writer, &batch.slice(half, batch.num_rows() - half), captured, frames)
        }
        Err(error) => Err(Error::TooLarge(error.to_string())),
    }
}
