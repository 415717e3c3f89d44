//! What a personal file has beside its columns once rows were erased: which, the leaf of each of these, the salt of
//! each of the others.
//!
//! The key of the hour gave the salts of all rows, so it has to go with the first row that is erased.

use arrow::{
    array::{
        Array as _, ArrayRef, AsArray as _, BooleanArray, FixedSizeBinaryArray, FixedSizeBinaryBuilder, RecordBatch,
    },
    datatypes::{DataType, Field},
};
use clicktrail_evidence::{
    Hash,
    hash::BYTES as LEAF_BYTES,
    salt::{BYTES as SALT_BYTES, Salt},
};

/// Whether the row's values were erased.
pub const ERASED: &str = "erased";
/// The salt of the row; null if it was erased, or its hour has no trees.
pub const SALT: &str = "salt";
/// The leaf of a row that was erased, in the tree of people; null of any other, or if its hour has no trees.
pub const LEAF: &str = "leaf";

const SALT_WIDTH: i32 = 16;
const LEAF_WIDTH: i32 = 32;
const _: () = assert!(SALT_BYTES == 16 && LEAF_BYTES == 32, "a salt and a leaf are as wide as their columns");

/// The columns, behind those of the file.
pub(super) fn fields() -> [Field; 3] {
    [
        Field::new(ERASED, DataType::Boolean, false),
        Field::new(SALT, DataType::FixedSizeBinary(SALT_WIDTH), true),
        Field::new(LEAF, DataType::FixedSizeBinary(LEAF_WIDTH), true),
    ]
}

/// The three columns of some rows of a personal file from which something was erased.
#[derive(Debug, Clone)]
pub struct Left {
    erased: BooleanArray,
    salts: FixedSizeBinaryArray,
    leaves: FixedSizeBinaryArray,
}

impl Left {
    /// Of rows of a personal file; `None` of one that is as it was sealed.
    ///
    /// # Errors
    /// If only some of the columns are there, or of another type.
    pub fn of(personal: &RecordBatch) -> Result<Option<Self>, String> {
        let columns = [ERASED, SALT, LEAF].map(|name| personal.column_by_name(name));
        let [Some(erased), Some(salts), Some(leaves)] = columns else {
            let none = columns.iter().all(Option::is_none);
            return if none { Ok(None) } else { Err("it lacks a column of what was erased".into()) };
        };
        let widths = [(salts, SALT_WIDTH), (leaves, LEAF_WIDTH)];
        let fit = widths.into_iter().all(|(column, width)| *column.data_type() == DataType::FixedSizeBinary(width));
        match (erased.as_boolean_opt(), salts.as_fixed_size_binary_opt(), leaves.as_fixed_size_binary_opt()) {
            (Some(erased), Some(salts), Some(leaves)) if fit => {
                Ok(Some(Self { erased: erased.clone(), salts: salts.clone(), leaves: leaves.clone() }))
            }
            _ => Err("a column of what was erased has another type".into()),
        }
    }

    /// Whether a row was erased.
    pub fn is_erased(&self, row: usize) -> bool {
        self.erased.value(row)
    }

    /// How many were.
    pub fn erased(&self) -> usize {
        self.erased.true_count()
    }

    /// The salt of a row, if it has one.
    pub fn salt(&self, row: usize) -> Option<Salt> {
        let bytes = self.salts.is_valid(row).then(|| self.salts.value(row))?;
        bytes.try_into().ok().map(Salt)
    }

    /// The leaf of an erased row, if its hour has trees.
    pub fn leaf(&self, row: usize) -> Option<Hash> {
        let bytes = self.leaves.is_valid(row).then(|| self.leaves.value(row))?;
        bytes.try_into().ok().map(Hash)
    }
}

/// Makes the three columns.
#[derive(Debug)]
pub(super) struct Leaving {
    erased: Vec<bool>,
    salts: FixedSizeBinaryBuilder,
    leaves: FixedSizeBinaryBuilder,
}

impl Leaving {
    pub(super) fn with_capacity(rows: usize) -> Self {
        Self {
            erased: Vec::with_capacity(rows),
            salts: FixedSizeBinaryBuilder::with_capacity(rows, SALT_WIDTH),
            leaves: FixedSizeBinaryBuilder::with_capacity(rows, LEAF_WIDTH),
        }
    }

    /// The next row stays, with its salt.
    pub(super) fn stays(&mut self, salt: Option<Salt>) {
        self.erased.push(false);
        match salt {
            Some(Salt(bytes)) => self.salts.append_value(bytes).expect("a salt has 16 bytes"),
            None => self.salts.append_null(),
        }
        self.leaves.append_null();
    }

    /// The next row goes, and leaves its leaf.
    pub(super) fn goes(&mut self, leaf: Option<Hash>) {
        self.erased.push(true);
        self.salts.append_null();
        match leaf {
            Some(Hash(bytes)) => self.leaves.append_value(bytes).expect("a leaf has 32 bytes"),
            None => self.leaves.append_null(),
        }
    }

    pub(super) fn finish(mut self) -> [ArrayRef; 3] {
        let (salts, leaves) = (self.salts.finish(), self.leaves.finish());
        [std::sync::Arc::new(BooleanArray::from(self.erased)), std::sync::Arc::new(salts), std::sync::Arc::new(leaves)]
    }
}
