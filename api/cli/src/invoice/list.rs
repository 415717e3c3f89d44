//! `clicktrail invoice list`

use std::collections::BTreeMap;

use anyhow::Context as _;
use clicktrail_catalog::invoicing::{Document, DocumentFilter, Draft, DraftFilter, DraftRevision, DraftState, Facts};
use clicktrail_invoices::{PeriodName, document};
use clicktrail_log::time::Timestamp;
use serde_json::{Value, json};

use super::named;
use crate::{
    exit::Exit,
    global::{Format, Global},
    output,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only of this period: 2026-03, 2026-W10
    period: Option<PeriodName>,
    /// Only of this account
    #[arg(long, value_name = "ID")]
    advertiser: Option<String>,
    /// Only in this state: draft, approved, issued, void
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let state = arguments.state.as_deref().map(|text| {
        DraftState::parse(text).with_context(|| format!("{text:?} is no state: use draft, approved, issued or void"))
    });
    let period = arguments.period.map(|name| name.to_string());
    let state = state.transpose()?;
    let filter = DraftFilter {
        period: period.clone(),
        advertiser_id: arguments.advertiser.clone(),
        state,
        ..DraftFilter::default()
    };
    let instance = global.open_reading().await?;
    let drafts = named::drafts(&instance, &filter).await?;
    let filter = DocumentFilter { period, advertiser_id: arguments.advertiser, ..DocumentFilter::default() };
    let documents = named::documents(&instance, &filter).await?;
    let rows = rows(drafts, documents, matches!(state, None | Some(DraftState::Issued)));
    match global.output {
        Format::Json => output::json(&rows.iter().map(Row::as_json).collect()),
        Format::Table => {
            let mut table = output::Table::new(&["draft", "rev", "state", "kind", "lines", "total", "cur", "document"]);
            rows.iter().for_each(|row| table.push(row.cells()));
            table.print();
        }
    }
    super::finishing::hint(&instance).await?;
    Ok(Exit::Ok)
}

/// A draft, the document that it became, or both. A catalog that was lost has documents without their drafts.
struct Row {
    revision: DraftRevision,
    state: &'static str,
    facts: Facts,
    document: Option<Document>,
    changed: (Timestamp, String),
}

/// By draft and revision.
fn rows(drafts: Vec<Draft>, documents: Vec<Document>, with_documents: bool) -> Vec<Row> {
    let mut documents: BTreeMap<DraftRevision, Document> =
        documents.into_iter().map(|document| (document.draft.clone(), document)).collect();
    let mut rows: Vec<Row> = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let document = documents.remove(&draft.revision);
        rows.push(Row {
            state: draft.word(),
            revision: draft.revision,
            facts: draft.facts,
            document,
            changed: (draft.changed_at, draft.changed_by),
        });
    }
    let alone = documents.into_values().filter(|_| with_documents).map(|document| Row {
        revision: document.draft.clone(),
        state: DraftState::Issued.as_str(),
        facts: document.facts.clone(),
        changed: (document.issued_at, document.issued_by.clone()),
        document: Some(document),
    });
    rows.extend(alone);
    rows.sort_by(|one, other| one.revision.cmp(&other.revision));
    rows
}

impl Row {
    fn name(&self) -> Option<String> {
        let number = &self.document.as_ref()?.number;
        Some(document::name(&number.series, number.number))
    }

    fn as_json(&self) -> Value {
        let facts = &self.facts;
        json!({
            "draft": self.revision.id,
            "revision": self.revision.revision,
            "state": self.state,
            "kind": facts.kind.as_str(),
            "period": facts.about.period,
            "zone": facts.zone,
            "advertiser_id": facts.about.advertiser_id,
            "currency": facts.about.currency,
            "lines": facts.lines,
            "total": named::amount(facts),
            "basis": facts.basis,
            "document": self.name(),
            "issued_on": self.document.as_ref().map(|document| document.issued_on.clone()),
            "changed_at": self.changed.0.to_string(),
            "changed_by": self.changed.1,
        })
    }

    fn cells(&self) -> Vec<String> {
        vec![
            self.revision.id.clone(),
            self.revision.revision.to_string(),
            self.state.to_owned(),
            self.facts.kind.as_str().replace('_', " "),
            self.facts.lines.to_string(),
            named::amount(&self.facts),
            self.facts.about.currency.clone(),
            self.name().unwrap_or_default(),
        ]
    }
}
