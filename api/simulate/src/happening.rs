//! One event of the simulation, before its texts are written out.

use clicktrail_log::event::Kind;

/// Addresses of bots and of bursts: the last 512 of 100.64.0.0/10, where no user is.
pub(super) const ADDRESS_TOOLS: u32 = 0x3f_fe00;

/// Whose event it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Visitor {
    /// A user with a browser, at the user's own address.
    Person,
    /// A user's click that comes from the address of a burst.
    Burst,
    /// A program: no user, no declared device, the user agent of a tool.
    Tool(u8),
}

/// One event, before its texts are written out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Happening {
    pub(super) captured: i64,
    pub(super) event_time: i64,
    pub(super) kind: Kind,
    pub(super) id: u128,
    /// Conversions: the click's id; 0 for others.
    pub(super) click_id: u128,
    pub(super) visitor: Visitor,
    pub(super) user: u32,
    pub(super) address: u32,
    /// Index in [`DEVICES`](crate::people::DEVICES).
    pub(super) device: u8,
    /// Index in [`DEVICES`](crate::people::DEVICES): what the client says it is.
    pub(super) declared: u8,
    pub(super) ad: u32,
    pub(super) publisher: u32,
    /// Decides article and placement.
    pub(super) page: u32,
    /// Conversions.
    pub(super) value_micros: i64,
    /// Clicks of the same run that are still to come.
    pub(super) left: u16,
}
