//! The names of this room's metrics, with units.

/// Hours sealed since the start.
pub const HOURS_SEALED: &str = "clicktrail_hours_sealed_total";
/// Attempts to seal that need a person.
pub const SEAL_FAILURES: &str = "clicktrail_seal_failures_total";
/// Seconds since the end of the oldest hour that is over and not sealed; 0 when none is.
pub const ARCHIVE_LAG: &str = "clicktrail_archive_lag_seconds";
/// Sealed hours compared with their hot partials, by `outcome`: equal, incomplete, different.
pub const RECONCILIATIONS: &str = "clicktrail_reconciliations_total";
/// Frames in the log that live counting has not passed.
pub const LOG_LAG: &str = "clicktrail_log_lag_frames";
/// Events counted live since the start.
pub const COUNTED: &str = "clicktrail_events_counted_total";
/// Frames judged since the start.
pub const FRAMES_JUDGED: &str = "clicktrail_frames_judged_total";
/// Events in the frames that the judge has passed since the start, by `kind`: click, impression, conversion.
pub const EVENTS_PASSED: &str = "clicktrail_judge_events_logged_total";
/// How many of them a rule of the judge's ruleset looks at, by `kind`. Divided by the former it is the coverage.
pub const EVENTS_JUDGED: &str = "clicktrail_judge_events_judged_total";
/// Frames in the log that the judge has not passed.
pub const JUDGE_LAG: &str = "clicktrail_judge_lag_frames";
/// State of the judge's rules, in KiB.
pub const JUDGE_STATE: &str = "clicktrail_judge_state_kibibytes";
/// When `replay verify live` ended last, in seconds since 1970; not there before the first time.
pub const VERIFIED_AT: &str = "clicktrail_verify_live_timestamp_seconds";
/// 1 if it compared something then and all came out the same, else 0.
pub const VERIFIED_EQUAL: &str = "clicktrail_verify_live_equal";
/// When `invoice verify` ended last, in seconds since 1970; not there before the first time.
pub const INVOICES_VERIFIED_AT: &str = "clicktrail_invoice_verify_timestamp_seconds";
/// 1 if it compared something then and all came out the same, else 0.
pub const INVOICES_VERIFIED_EQUAL: &str = "clicktrail_invoice_verify_equal";
/// Sealed hours signed since the start.
pub const HOURS_SIGNED: &str = "clicktrail_hours_signed_total";
/// Entries of the log of logs that the newest checkpoint of this process is over.
pub const SIGNED_ENTRIES: &str = "clicktrail_signed_entries";
/// Attempts to sign that need a person.
pub const SIGN_FAILURES: &str = "clicktrail_sign_failures_total";
/// 1 if a `witness` signed the newest checkpoint, else 0.
pub const WITNESS_SIGNED: &str = "clicktrail_witness_signed";
/// Times that a `witness` was asked and did not sign.
pub const WITNESS_FAILURES: &str = "clicktrail_witness_failures_total";
/// Seconds by which this machine's clock is ahead of the broker's; not there without a broker.
pub const CLOCK_AHEAD: &str = "clicktrail_clock_ahead_seconds";
/// When the lags were measured last, in seconds since 1970: while log or catalog are away they are not.
pub const LAGS_MEASURED_AT: &str = "clicktrail_lags_measured_timestamp_seconds";
