//! The distinct values of one column in one row group, numbered by first appearance.

use std::{fmt, hash::Hash, sync::Arc};

use datafusion::{
    arrow::{
        array::{Array as _, ArrayRef, AsArray as _, DictionaryArray, StringArray},
        datatypes::UInt32Type,
    },
    common::HashMap,
};

/// No value has this code, and a null has no other: a row group has fewer rows.
pub(super) const NONE: u32 = u32::MAX;

/// How many small numbers are found without hashing.
const SMALL: usize = 1_024;

/// A number as Parquet has it.
pub(super) trait Number: Copy + Ord + Hash + fmt::Debug {
    /// What [`Number::plain`] makes.
    type Plain: AsRef<[u8]>;

    /// Its bytes in a dictionary page.
    fn plain(self) -> Self::Plain;

    /// Itself, if it is one of the first [`SMALL`].
    fn small(self) -> Option<usize>;
}

impl Number for i64 {
    type Plain = [u8; 8];

    fn plain(self) -> Self::Plain {
        self.to_le_bytes()
    }

    fn small(self) -> Option<usize> {
        usize::try_from(self).ok().filter(|number| *number < SMALL)
    }
}

impl Number for i128 {
    type Plain = [u8; 16];

    fn plain(self) -> Self::Plain {
        self.to_be_bytes()
    }

    fn small(self) -> Option<usize> {
        usize::try_from(self).ok().filter(|number| *number < SMALL)
    }
}

/// Distinct numbers.
#[derive(Debug)]
pub(super) struct Numbers<N> {
    /// By code.
    values: Vec<N>,
    /// The codes of small numbers, or [`NONE`].
    small: Vec<u32>,
    others: HashMap<N, u32>,
    /// Numbers like to repeat: the last one that was looked up.
    last: Option<(N, u32)>,
}

impl<N: Number> Numbers<N> {
    pub(super) fn new() -> Self {
        Self { values: Vec::new(), small: vec![NONE; SMALL], others: HashMap::new(), last: None }
    }

    /// The code of a number: the next one if it is new.
    #[inline]
    pub(super) fn code(&mut self, number: N) -> u32 {
        match number.small() {
            // Before any comparison with the last one, which small numbers would too often fail.
            Some(small) if self.small[small] != NONE => self.small[small],
            _ => self.look_up(number),
        }
    }

    fn look_up(&mut self, number: N) -> u32 {
        if let Some((last, code)) = self.last
            && last == number
        {
            return code;
        }
        let next = next(self.values.len());
        let known = match number.small() {
            Some(small) => &mut self.small[small],
            None => self.others.entry(number).or_insert(NONE),
        };
        if *known == NONE {
            *known = next;
            self.values.push(number);
        }
        self.last = Some((number, *known));
        *known
    }

    pub(super) fn values(&self) -> &[N] {
        &self.values
    }

    /// Forgets all numbers, which ends the row group.
    pub(super) fn clear(&mut self) {
        self.values.clear();
        self.small.fill(NONE);
        self.others.clear();
        self.last = None;
    }
}

/// Distinct texts.
#[derive(Debug, Default)]
pub(super) struct Texts {
    /// As a dictionary page has them: each behind its length.
    plain: Vec<u8>,
    codes: HashMap<String, u32>,
    /// The values of the Arrow dictionary that came last. Holding them keeps another array from their address.
    arrow: Option<ArrayRef>,
    /// The codes of those values, or [`NONE`].
    of_arrow: Vec<u32>,
}

impl Texts {
    /// The code of a text: the next one if it is new.
    fn code(&mut self, text: &str) -> u32 {
        let next = next(self.codes.len());
        *self.codes.entry_ref(text).or_insert_with(|| {
            let length = u32::try_from(text.len()).expect("a text of an array is shorter than 2^31 bytes");
            self.plain.extend_from_slice(&length.to_le_bytes());
            self.plain.extend_from_slice(text.as_bytes());
            next
        })
    }

    /// Appends the codes of texts.
    pub(super) fn codes(&mut self, texts: &StringArray, codes: &mut Vec<u32>) {
        let mut last = (None, NONE);
        for text in texts {
            if text != last.0 {
                last = (text, text.map_or(NONE, |text| self.code(text)));
            }
            codes.push(last.1);
        }
    }

    /// Appends the codes of texts in an Arrow dictionary, whose values are valid.
    pub(super) fn codes_of_arrow(&mut self, texts: &DictionaryArray<UInt32Type>, codes: &mut Vec<u32>) {
        if !self.arrow.as_ref().is_some_and(|known| Arc::ptr_eq(known, texts.values())) {
            self.arrow = Some(Arc::clone(texts.values()));
            self.of_arrow.clear();
            self.of_arrow.resize(texts.values().len(), NONE);
        }
        let (keys, values) = (texts.keys(), texts.values().as_string::<i32>());
        let mut code = |key: u32| {
            let at = key as usize;
            if self.of_arrow[at] == NONE {
                self.of_arrow[at] = self.code(values.value(at));
            }
            self.of_arrow[at]
        };
        match keys.nulls().filter(|nulls| nulls.null_count() > 0) {
            None => codes.extend(keys.values().iter().map(|key| code(*key))),
            Some(nulls) => {
                let keys = keys.values().iter().zip(nulls);
                codes.extend(keys.map(|(key, valid)| if valid { code(*key) } else { NONE }));
            }
        }
    }

    /// As a dictionary page has them.
    pub(super) fn plain(&self) -> &[u8] {
        &self.plain
    }

    pub(super) fn len(&self) -> usize {
        self.codes.len()
    }

    /// In no order.
    pub(super) fn values(&self) -> impl Iterator<Item = &str> + Clone {
        self.codes.keys().map(String::as_str)
    }

    /// Forgets all texts, which ends the row group.
    pub(super) fn clear(&mut self) {
        self.plain.clear();
        self.codes.clear();
        self.of_arrow.fill(NONE);
    }
}

fn next(known: usize) -> u32 {
    u32::try_from(known).expect("a row group has fewer rows than 2^32")
}
