//! The whole job from outside: the real binary on port 0, with a real nats-server, PostgreSQL and S3.
//!
//! A test has an [`installation`], runs commands and a [`server`] on it, puts a [`loader`] on the server, and in the
//! end holds what was acknowledged against a [`recount`] of the log. A failure prints command, output and logs.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests wait, measure and start what they need")]
#![allow(clippy::unwrap_used, reason = "a failed step fails the test; allow-unwrap-in-tests does not reach helpers")]

mod ads;
mod answers;
mod audit;
mod auditor;
mod bad_network;
mod broker_outage;
mod catalog_outage;
mod cluster;
mod complete;
mod copies;
mod correction;
mod damage;
mod data_directory;
mod documents;
mod erased_in_production;
mod erasing;
mod foreign;
mod forms;
mod history;
mod identity;
mod imports;
mod installation;
mod invoices;
mod invoicing;
mod issued;
mod kept;
mod kill;
mod loader;
mod made_up;
#[allow(dead_code, reason = "the log's own tests use the rest of it")]
#[path = "../../../../log/tests/conformance/nats_server.rs"]
mod nats_server;
mod new_epoch;
mod partner;
mod past;
mod power;
mod production;
mod projections;
mod promotion;
#[allow(dead_code, reason = "the log's own tests use the rest of it")]
#[path = "../../../../log/tests/conformance/proxy.rs"]
mod proxy;
mod read_only;
mod real_log;
mod real_log_damage;
mod rebuild;
mod receipts;
mod reconciliation;
mod recount;
mod rejected;
mod replay;
mod replay_damage;
mod replayed_projections;
mod replicas;
mod reused_hours;
mod rolled_back;
mod sealed;
mod searching;
mod seed;
mod server;
mod signing;
mod tiers;
mod verdicts;
mod weather;
