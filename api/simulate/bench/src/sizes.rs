//! How much is measured.

/// How much to do: the more, the steadier the figures.
#[derive(Debug, Clone, clap::Args, serde::Serialize)]
pub(crate) struct Sizes {
    /// How long each rate is measured
    #[arg(long, env = "CLICKTRAIL_BENCH_SECONDS", default_value_t = 10)]
    pub(crate) seconds: u64,
    /// Events of the hour that is sealed and projected
    #[arg(long, env = "CLICKTRAIL_BENCH_EVENTS", default_value_t = 4_000_000)]
    pub(crate) events: u64,
    /// Events of the large hour whose memory is measured
    #[arg(long, env = "CLICKTRAIL_BENCH_MEMORY_EVENTS", default_value_t = 20_000_000)]
    pub(crate) memory_events: u64,
    /// Events of the large hour whose rows carry 16 KiB each
    #[arg(long, env = "CLICKTRAIL_BENCH_WIDE_EVENTS", default_value_t = 200_000)]
    pub(crate) wide_events: u64,
    /// Events that a spool holds when the broker comes back
    #[arg(long, env = "CLICKTRAIL_BENCH_SPOOLED_EVENTS", default_value_t = 1_000_000)]
    pub(crate) spooled_events: u64,
    /// Events that are judged
    #[arg(long, env = "CLICKTRAIL_BENCH_JUDGE_EVENTS", default_value_t = 10_000_000)]
    pub(crate) judge_events: u64,
    /// Events that are timed until they are counted
    #[arg(long, env = "CLICKTRAIL_BENCH_PROBES", default_value_t = 300)]
    pub(crate) probes: u32,
    /// Events of each of 24 ordinary hours that are built again
    #[arg(long, env = "CLICKTRAIL_BENCH_ORDINARY_EVENTS", default_value_t = 83_000)]
    pub(crate) ordinary_events: u64,
    /// Hours of the long range that is built again
    #[arg(long, env = "CLICKTRAIL_BENCH_REPLAY_HOURS", default_value_t = 240)]
    pub(crate) replay_hours: u32,
    /// Events of each of them
    #[arg(long, env = "CLICKTRAIL_BENCH_REPLAY_EVENTS", default_value_t = 5_000)]
    pub(crate) replay_events: u64,
    /// Events over which query 17 of Nexmark is run
    #[arg(long, env = "CLICKTRAIL_BENCH_Q17_EVENTS", default_value_t = 10_000_000)]
    pub(crate) q17_events: u64,
    /// Events of each hour of the month that is billed
    #[arg(long, env = "CLICKTRAIL_BENCH_BILL_EVENTS", default_value_t = 20_000)]
    pub(crate) bill_events: u64,
    /// Documents of it that are issued with their pages
    #[arg(long, env = "CLICKTRAIL_BENCH_BILL_DOCUMENTS", default_value_t = 500)]
    pub(crate) bill_documents: u64,
    /// Documents that are made up, and put into an archive with their pages
    #[arg(long, env = "CLICKTRAIL_BENCH_PAPER_DOCUMENTS", default_value_t = 600)]
    pub(crate) paper_documents: u64,
    /// Rows of the bundle of evidence that is verified, about
    #[arg(long, env = "CLICKTRAIL_BENCH_EVIDENCE_ROWS", default_value_t = 1_000_000)]
    pub(crate) evidence_rows: u64,
    /// Bundles that are changed, of which none may verify
    #[arg(long, env = "CLICKTRAIL_BENCH_EVIDENCE_MUTATIONS", default_value_t = 100_000)]
    pub(crate) evidence_mutations: u64,
    /// Hours of everybody's events, out of which one advertiser's are proved
    #[arg(long, env = "CLICKTRAIL_BENCH_EVIDENCE_HOURS", default_value_t = 720)]
    pub(crate) evidence_hours: u32,
    /// Events of each of them
    #[arg(long, env = "CLICKTRAIL_BENCH_EVIDENCE_HOUR_EVENTS", default_value_t = 14_000)]
    pub(crate) evidence_hour_events: u64,
    /// Clicks of ours, and of the list that is held against them
    #[arg(long, env = "CLICKTRAIL_BENCH_RECONCILED_CLICKS", default_value_t = 1_000_000)]
    pub(crate) reconciled_clicks: u64,
}
