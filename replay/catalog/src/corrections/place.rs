//! How far a log had come when a correction began to close, as it is stored.

use clicktrail_log::position::Seq;

/// No frame, as long as a correction has not begun to close.
pub(crate) fn place(value: i64) -> Option<Seq> {
    let number = u64::try_from(value).ok()?;
    if number == 0 { Some(Seq::ZERO) } else { Seq::new(number) }
}
