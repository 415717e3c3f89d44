//! Names of the doors' metrics, with their units.

/// Items read from requests: events, or whole bodies where no item could be told apart. Counter.
pub const EVENTS_RECEIVED: &str = "clicktrail_events_received_total";
/// Items durably in the log, or on the spool that drains into it. Counter.
pub const EVENTS_LOGGED: &str = "clicktrail_events_logged_total";
/// Items durably in the rejected stream. Counter.
pub const EVENTS_REJECTED: &str = "clicktrail_events_rejected_total";
/// Items that were stored nowhere, their clients told to send them again. Counter.
pub const EVENTS_REFUSED: &str = "clicktrail_events_refused_total";
/// Requests for ads that nobody registered, rejected and not kept because a minute had too many of them. Counter.
pub const EVENTS_SAMPLED_OUT: &str = "clicktrail_events_sampled_out_total";
/// From handing a request's events to the committer to its acknowledgement. Histogram, seconds.
pub const ACK_LATENCY: &str = "clicktrail_ack_latency_seconds";
/// Ads in the cache of the registry. Gauge.
pub const REGISTERED_ADS: &str = "clicktrail_registered_ads";
