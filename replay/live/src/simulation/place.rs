//! The stores and disks that operations of roles go to.

/// Where an operation goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Clicks,
    Verdicts,
    Objects,
    Catalog,
    Disk,
}

impl Place {
    pub(super) const ALL: [Self; 5] = [Self::Clicks, Self::Verdicts, Self::Objects, Self::Catalog, Self::Disk];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Clicks => "clicks",
            Self::Verdicts => "verdicts",
            Self::Objects => "objects",
            Self::Catalog => "catalog",
            Self::Disk => "disk",
        }
    }
}
