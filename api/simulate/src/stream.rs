//! The simulation as its users see it: batches for a log, or bodies for a server.

use clicktrail_log::{
    ad::Ad,
    batch::{Batch, Batcher},
    event::Kind,
};

use crate::{config::Config, json, market::Market, render::Renderer, traffic::Traffic};

/// The address ranges hold no more.
const ADDRESSES_MAX: u32 = 4_000_000;

/// The body of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonBatch {
    /// A JSON array of events.
    pub body: Vec<u8>,
    /// How many events it holds.
    pub events: usize,
}

/// A running simulation.
#[derive(Debug)]
pub struct Simulation {
    config: Config,
    market: Market,
    traffic: Traffic,
    renderer: Renderer,
    batcher: Batcher,
    made: u64,
}

impl Simulation {
    /// The beginning. Numbers in the configuration that must be at least 1 are raised to it.
    pub fn new(config: &Config) -> Self {
        let config = Config {
            hours: config.hours.max(1),
            advertisers: config.advertisers.max(1),
            campaigns_each: config.campaigns_each.max(1),
            ads_each: config.ads_each.max(1),
            publishers: config.publishers.max(1),
            users: config.users.max(1),
            addresses: config.addresses.clamp(1, ADDRESSES_MAX),
            ..config.clone()
        };
        Self {
            market: Market::new(
                config.seed,
                config.advertisers,
                config.campaigns_each,
                config.ads_each,
                config.publishers,
            ),
            traffic: Traffic::new(config.clone()),
            renderer: Renderer::new(),
            batcher: Batcher::new(),
            made: 0,
            config,
        }
    }

    /// The ads of this world, to be registered so that redirects lead somewhere.
    pub fn ads(&self) -> &[Ad] {
        &self.market.ads
    }

    /// Events yielded so far, of [`Config::events`].
    pub fn made(&self) -> u64 {
        self.made
    }

    /// The next events in order of capture, `None` at the end. A batch's hour and times are those of capture, by
    /// which a log goes; event times may be hours older.
    pub fn next_batch(&mut self) -> Option<Batch> {
        while let Some(happening) = self.traffic.next(&self.market) {
            let event = self.renderer.event(&self.config, &self.market, &happening);
            if let Some(batch) = self.batcher.push(event.captured_at, &event) {
                return Some(self.counted(batch));
            }
        }
        let last = self.batcher.finish()?;
        Some(self.counted(last))
    }

    fn counted(&mut self, batch: Batch) -> Batch {
        self.made += u64::try_from(batch.events.num_rows()).expect("a length fits 64 bits");
        batch
    }

    /// The next at most `events_max` events as a request body, `None` at the end. Probes and prefetches are left out:
    /// only requests can make them.
    pub fn next_json_batch(&mut self, events_max: usize) -> Option<JsonBatch> {
        let mut batch = JsonBatch { body: Vec::with_capacity(events_max.min(65_536) * 700), events: 0 };
        while batch.events < events_max {
            let Some(happening) = self.traffic.next(&self.market) else { break };
            self.made += 1;
            match happening.kind {
                Kind::Probe | Kind::Prefetch => continue,
                Kind::Click | Kind::Impression | Kind::Conversion => {}
            }
            batch.body.push(if batch.events == 0 { b'[' } else { b',' });
            json::push_event(&self.renderer.event(&self.config, &self.market, &happening), &mut batch.body);
            batch.events += 1;
        }
        batch.body.push(b']');
        (batch.events > 0).then_some(batch)
    }
}
