//! Parquet's hybrid of run lengths and bit packing, which levels and dictionary codes are written in.

/// Bit-packed values come in groups of this size.
const GROUP: usize = 8;

/// Bits that hold every number up to and including `max`; at least one, because readers disagree about none.
pub(super) fn width(max: u32) -> u8 {
    u8::try_from(u32::BITS - max.leading_zeros()).expect("32 fits").max(1)
}

/// Appends values below 2^`width`. What a reader takes beyond them, up to the next multiple of eight, is zeros.
pub(super) fn encode(values: &[u32], width: u8, out: &mut Vec<u8>) {
    let worthwhile = GROUP.max(4 * GROUP / usize::from(width));
    // Values from `packed` to `at` are to be bit-packed.
    let (mut packed, mut at) = (0, 0);
    while at < values.len() {
        let value = values[at];
        let run = values[at..].iter().take_while(|other| **other == value).count();
        // A run's first values complete the group before it.
        let completing = (at - packed).next_multiple_of(GROUP) - (at - packed);
        if run >= completing + worthwhile {
            pack(&values[packed..at + completing], width, out);
            repeat(value, run - completing, width, out);
            packed = at + run;
        }
        at += run;
    }
    pack(&values[packed..], width, out);
}

/// Appends one value `count` times.
pub(super) fn repeat(value: u32, count: usize, width: u8, out: &mut Vec<u8>) {
    varint(count << 1, out);
    out.extend_from_slice(&value.to_le_bytes()[..usize::from(width).div_ceil(8)]);
}

fn pack(values: &[u32], width: u8, out: &mut Vec<u8>) {
    if values.is_empty() {
        return;
    }
    let groups = values.len().div_ceil(GROUP);
    varint(groups << 1 | 1, out);
    let end = out.len() + groups * usize::from(width);
    // Fewer than 32 bits wait between two values.
    let (mut waiting, mut bits) = (0_u64, 0);
    for value in values {
        waiting |= u64::from(*value) << bits;
        bits += width;
        if bits >= 32 {
            out.extend_from_slice(&waiting.to_le_bytes()[..4]);
            waiting >>= 32;
            bits -= 32;
        }
    }
    out.extend_from_slice(&waiting.to_le_bytes()[..usize::from(bits).div_ceil(8)]);
    out.resize(end, 0);
}

fn varint(mut number: usize, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads by the letter of the format.
    fn decode(mut bytes: &[u8], width: u8) -> Vec<u32> {
        let mut values = Vec::new();
        let mut byte = || bytes.split_off_first().copied();
        while let Some(first) = byte() {
            let (mut header, mut shift, mut last) = (u64::from(first & 0x7f), 7, first);
            while last & 0x80 != 0 {
                last = byte().unwrap();
                header |= u64::from(last & 0x7f) << shift;
                shift += 7;
            }
            let count = usize::try_from(header >> 1).unwrap();
            if header & 1 == 0 {
                let bytes = (0..width.div_ceil(8)).map(|at| u32::from(byte().unwrap()) << (8 * at));
                values.extend(std::iter::repeat_n(bytes.sum::<u32>(), count));
                continue;
            }
            for _ in 0..count {
                let group: Vec<u8> = (0..width).map(|_| byte().unwrap()).collect();
                let bit = |at: usize| u32::from(group[at / 8] >> (at % 8) & 1);
                let value =
                    |at: usize| (0..width.into()).map(|of| bit(at * usize::from(width) + of) << of).sum::<u32>();
                values.extend((0..GROUP).map(value));
            }
        }
        values
    }

    proptest! {
        #[test]
        fn values_of_any_width_come_back_padded_with_zeros(
            runs in proptest::collection::vec((any::<u32>(), prop_oneof![4 => 1_usize..4, 1 => 1_usize..700]), 0..60),
            width in 1_u8..=32,
        ) {
            let values: Vec<u32> = runs
                .iter()
                .flat_map(|(value, count)| std::iter::repeat_n(value >> (32 - width), *count))
                .collect();
            let mut bytes = Vec::new();
            encode(&values, width, &mut bytes);
            let mut read = decode(&bytes, width);
            prop_assert!(read.len() < values.len() + GROUP);
            prop_assert!(read.drain(values.len()..).all(|padding| padding == 0));
            prop_assert_eq!(read, values);
        }
    }
}
