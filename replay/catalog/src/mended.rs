//! What the beginning of a rebuild is told, and what it found: plain values.

/// What a rebuild is not to believe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forget {
    /// What is damaged.
    Damaged,
    /// That, and whatever the catalog knows of frames that no sealed hour holds: they are of another log.
    OpenFrames,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mended {
    /// What was lost or damaged, and is made again.
    pub taken_out: Vec<String>,
    /// What is lost or damaged and cannot be made again.
    pub lost: Vec<String>,
}
