//! The commands about invoices, and which file runs each.

use super::{
    approve, correct, diff, dispute, draft, explain, export, issue, list, regenerate, review, show, verify, void,
};
use crate::{exit::Exit, global::Global};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Draft the invoices of a period: one for each account and currency
    ///
    /// A period can be drafted once it and the time in which events of it may still come are over, and all its hours
    /// are sealed, judged and counted. Drafting again changes nothing unless what is billed changed: then there is
    /// another revision, and it is said what changed and why. Exit code 4: nothing could be drafted; 5: some accounts
    /// could not.
    #[command(after_help = "Examples:\n  clicktrail invoice draft 2026-03\n  clicktrail invoice draft 2026-W10 \
                            --advertiser acme\n  clicktrail invoice draft 2026-03 --lateness 0h   # imported history")]
    Draft(draft::Arguments),
    /// List drafts, and what became of them
    #[command(after_help = "Examples:\n  clicktrail invoice list\n  clicktrail invoice list 2026-03 --state draft")]
    List(list::Arguments),
    /// Show a draft: its lines, adjustments, taxes and total
    #[command(after_help = "Examples:\n  clicktrail invoice show 2026-03.acme.EUR\n  clicktrail invoice show \
                            2026-03.acme.EUR --revision 1")]
    Show(show::Arguments),
    /// Compare two revisions of a draft, line by line
    #[command(after_help = "Examples:\n  clicktrail invoice diff 2026-03.acme.EUR\n  clicktrail invoice diff \
                            2026-03.acme.EUR --from 1 --to 3")]
    Diff(diff::Arguments),
    /// Look at what is odd before a period is issued: changes, prices, invalid clicks, who is missing
    ///
    /// Exit code 3: something is beyond its limit. With --reason it passes, and the reason is kept in the audit trail.
    #[command(after_help = "Examples:\n  clicktrail invoice review 2026-03\n  clicktrail invoice review 2026-03 \
                            --max-change 80% --reason \"spring campaign\"")]
    Review(review::Arguments),
    /// What customers contest: open, close, list
    #[command(subcommand)]
    Dispute(dispute::Command),
    /// Say that drafts may be issued
    ///
    /// Invoices that a gate of `invoice review` marks are refused, unless the gate is accepted with a reason, which is
    /// kept in the audit trail; an open dispute has to be closed. Exit code 3: none was approved; 5: some were not.
    #[command(after_help = "Examples:\n  clicktrail invoice approve 2026-03.acme.EUR\n  clicktrail invoice approve \
                            --period 2026-03\n  clicktrail invoice approve --period 2026-03 --accept change --reason \
                            \"spring campaign\"")]
    Approve(approve::Arguments),
    /// Throw a draft away; drafting its account again brings it back
    #[command(after_help = "Examples:\n  clicktrail invoice void 2026-03.acme.EUR --reason \"a test account\"")]
    Void(void::Arguments),
    /// Issue approved drafts: each gets the next number of its series, and never changes again
    ///
    /// Any number of processes may issue at a time, and any of them may be killed: no number is lost or used twice.
    /// Exit code 5: some were issued, others not; 3: none was.
    #[command(after_help = "Examples:\n  clicktrail invoice issue --period 2026-03\n  clicktrail invoice issue \
                            2026-03.acme.EUR")]
    Issue(issue::Arguments),
    /// Write issued documents as files, as they were stored when they were issued
    #[command(after_help = "Examples:\n  clicktrail invoice export INV-00000012 --format pdf --out .\n  clicktrail \
                            invoice export 2026-03 --format ledger --out -")]
    Export(export::Arguments),
    /// Draft credit and debit notes: what a period comes to now, less what was issued
    ///
    /// However long ago that was, under the terms of the invoice itself. Nothing to correct is no error. Exit code 4:
    /// hours are missing; 3: refused.
    #[command(
        after_help = "Examples:\n  clicktrail invoice correct 2026-03\n  clicktrail invoice correct INV-00000012 \
                            --reason goodwill\n  clicktrail invoice correct INV-00000012 --cancel"
    )]
    Correct(correct::Arguments),
    /// Compute an issued document again from what it pins, and compare every stored form to the byte
    ///
    /// Exit code 2: something comes out otherwise, or a stored form is missing or damaged.
    #[command(after_help = "Examples:\n  clicktrail invoice regenerate INV-00000012\n  clicktrail invoice regenerate \
                            INV-00000012 --from-raw --out again")]
    Regenerate(regenerate::Arguments),
    /// The same of all documents, or of some each time: for cron
    ///
    /// How it ended is in the audit trail, and the server reports it as a metric. Exit code 2: something differs.
    #[command(after_help = "Examples:\n  clicktrail invoice verify --all\n  clicktrail invoice verify --sample 100 \
                            --from-raw")]
    Verify(verify::Arguments),
    /// Say what lines are made of: hours, ads, prices, rulings, clicks
    ///
    /// Exit code 2: what is there does not add up to a line.
    #[command(after_help = "Examples:\n  clicktrail invoice explain INV-00000012\n  clicktrail invoice explain \
                            INV-00000012 --line spring --clicks")]
    Explain(explain::Arguments),
}

impl Command {
    /// Whether all that it prints is one table.
    pub(crate) const fn answers_with_a_table(&self) -> bool {
        match self {
            Self::Dispute(dispute::Command::List { .. })
            | Self::Draft(_)
            | Self::List(_)
            | Self::Show(_)
            | Self::Diff(_)
            | Self::Review(_) => true,
            Self::Dispute(dispute::Command::Open { .. } | dispute::Command::Close { .. })
            | Self::Approve(_)
            | Self::Void(_)
            | Self::Issue(_)
            | Self::Export(_)
            | Self::Correct(_)
            | Self::Regenerate(_)
            | Self::Verify(_)
            | Self::Explain(_) => false,
        }
    }
}

pub(crate) async fn run(global: &Global, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Draft(arguments) => Box::pin(draft::run(global, arguments)).await,
        Command::List(arguments) => Box::pin(list::run(global, arguments)).await,
        Command::Show(arguments) => Box::pin(show::run(global, arguments)).await,
        Command::Diff(arguments) => Box::pin(diff::run(global, arguments)).await,
        Command::Review(arguments) => Box::pin(review::run(global, arguments)).await,
        Command::Dispute(command) => Box::pin(dispute::run(global, command)).await,
        Command::Approve(arguments) => Box::pin(approve::run(global, arguments)).await,
        Command::Void(arguments) => Box::pin(void::run(global, arguments)).await,
        Command::Issue(arguments) => Box::pin(issue::run(global, arguments)).await,
        Command::Export(arguments) => Box::pin(export::run(global, arguments)).await,
        Command::Correct(arguments) => Box::pin(correct::run(global, arguments)).await,
        Command::Regenerate(arguments) => Box::pin(regenerate::run(global, arguments)).await,
        Command::Verify(arguments) => Box::pin(verify::run(global, arguments)).await,
        Command::Explain(arguments) => Box::pin(explain::run(global, arguments)).await,
    }
}
