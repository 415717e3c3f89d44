//! Frames of the verdict log: how verdicts are appended, and how a frame is read.

use clicktrail_log::{
    frame::{self, Frame, Writer},
    time::Timestamp,
};

use crate::{schema, verdict::Verdict};

/// Why verdicts cannot become frames, or a frame verdicts.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// They are no rows of the verdict log.
    #[error("read or write rows of verdicts")]
    Schema(#[from] schema::Error),
    /// One verdict alone does not fit a frame, or a frame is damaged.
    #[error("read or write a frame of verdicts")]
    Frame(#[from] frame::Error),
}

/// Makes frames of these verdicts, in their order: one if they fit, otherwise of halves as large as fit. No verdicts
/// make no frame. A frame's captured times are the times of decision. After an error `writer` is as before, and no
/// number is used.
///
/// # Errors
/// [`Error::Schema`] for a verdict that contradicts itself, [`Error::Frame`] for one that is too large alone.
pub fn to_frames(writer: &mut Writer, verdicts: &[Verdict]) -> Result<Vec<Frame>, Error> {
    if verdicts.is_empty() {
        return Ok(Vec::new());
    }
    let batch = schema::to_batch(verdicts)?;
    Ok(writer.seal_all(&batch, |rows| decided(&verdicts[rows]))?)
}

/// The earliest and the latest time of decision.
fn decided(verdicts: &[Verdict]) -> (Timestamp, Timestamp) {
    let times = verdicts.iter().map(|verdict| (verdict.decided_at, verdict.decided_at));
    times.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))).expect("a frame has at least one row")
}

/// The verdicts of a frame, in their order.
///
/// # Errors
/// See [`Error`]; never a panic, whatever the bytes.
pub fn from_frame(frame: &Frame) -> Result<Vec<Verdict>, Error> {
    Ok(schema::from_batch(&frame.decode()?)?)
}

#[cfg(test)]
mod tests {
    use clicktrail_log::frame::Header;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::testing::{any_verdict, every_shape, fixture::fixture, summary, verdict};

    fn writer() -> Writer {
        Writer::new(Uuid::from_u128(5), 1)
    }

    /// A header as the fixture keeps it: one field a line.
    fn header_text(header: &Header) -> String {
        format!(
            "{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n",
            header.format,
            header.schema_id,
            header.rows,
            header.writer,
            header.writer_epoch,
            header.number,
            header.payload_digest,
            header.previous,
            header.first_captured.micros(),
            header.last_captured.micros(),
        )
    }

    fn header_from(text: &str) -> Header {
        let lines: Vec<&str> = text.lines().collect();
        let [format, schema_id, rows, writer, writer_epoch, number, payload_digest, previous, first, last] =
            lines.try_into().unwrap();
        Header {
            format: format.parse().unwrap(),
            schema_id: schema_id.to_owned(),
            rows: rows.parse().unwrap(),
            writer: writer.parse().unwrap(),
            writer_epoch: writer_epoch.parse().unwrap(),
            number: number.parse().unwrap(),
            payload_digest: payload_digest.parse().unwrap(),
            previous: previous.parse().unwrap(),
            first_captured: Timestamp::from_micros(first.parse().unwrap()),
            last_captured: Timestamp::from_micros(last.parse().unwrap()),
        }
    }

    /// The bytes of version 1, which stay readable for ever.
    #[test]
    fn frame_of_version_1_reads_and_is_written_as_ever() {
        let written = to_frames(&mut writer(), &every_shape()).unwrap().remove(0);
        let header = fixture("frame-1.header.txt", header_text(&written.header).as_bytes());
        let payload = fixture("frame-1.payload", &written.payload);
        let stored = Frame { header: header_from(str::from_utf8(&header).unwrap()), payload: payload.into() };
        let read = from_frame(&stored).unwrap();
        assert_eq!(
            read.iter().map(summary).collect::<Vec<_>>(),
            [
                "1.2.1 invalid sivt live 750 by judge, 1 reasons, None",
                "1.1.3 invalid duplicate live 1000 by judge, 1 reasons, None",
                "1.1.2 valid - live 300 by judge, 1 reasons, None",
                "1.2.1 valid - rejudge 0 by judge, 0 reasons, None",
                "1.1.3 invalid policy query 750 by judge, 1 reasons, Some(\"\")",
                "1.62501.0 invalid givt manual 750 by anna, 1 reasons, Some(\"„seen“ \\\\ by hand\\n\")",
            ]
        );
        assert_eq!(read, every_shape());
    }

    proptest! {
        #[test]
        fn what_is_appended_is_what_is_read(
            verdicts in prop::collection::vec(any_verdict(), 0..60),
            number in 1..4_u64,
        ) {
            let mut writer = writer();
            for _ in 1..number {
                to_frames(&mut writer, &[verdict(1)]).unwrap();
            }
            let frames = to_frames(&mut writer, &verdicts).unwrap();
            let read: Vec<Verdict> = frames.iter().flat_map(|frame| from_frame(frame).unwrap()).collect();
            prop_assert_eq!(read, verdicts);
            for (frame, number) in frames.iter().zip(number..) {
                prop_assert_eq!(frame.header.number, number);
                prop_assert_eq!(header_from(&header_text(&frame.header)), frame.header.clone());
            }
        }
    }

    #[test]
    fn frames_carry_all_verdicts_in_order() {
        // A note that hardly compresses makes a megabyte of few verdicts.
        let noisy = |id: u64| {
            let mut one = verdict(id);
            let noise = |n: u64| frame::Digest::of(format!("{id} {n}").as_bytes()).to_string();
            one.note = Some((0..64).map(noise).collect());
            one
        };
        for count in [0, 1, 2, 999] {
            let verdicts: Vec<Verdict> = (0..count).map(noisy).collect();
            let mut writer = writer();
            let frames = to_frames(&mut writer, &verdicts).unwrap();
            assert_eq!(frames.len() > 2, count == 999, "{count} verdicts made {} frames", frames.len());
            let read: Vec<Verdict> = frames.iter().flat_map(|frame| from_frame(frame).unwrap()).collect();
            assert_eq!(read, verdicts);
            for (frame, number) in frames.iter().zip(1..) {
                assert_eq!(frame.header.number, number);
            }
        }
    }

    #[test]
    fn verdict_that_fits_no_frame_uses_no_number() {
        let mut large = verdict(2);
        let noise = |n: u64| frame::Digest::of(&n.to_le_bytes()).to_string();
        large.note = Some((0..40_000).map(noise).collect());
        let mut writer = writer();
        let error = to_frames(&mut writer, &[verdict(1), large]).unwrap_err();
        assert!(matches!(error, Error::Frame(frame::Error::TooLarge { .. })), "{error:?}");
        assert_eq!(to_frames(&mut writer, &[verdict(1)]).unwrap()[0].header.number, 1);
    }
}
