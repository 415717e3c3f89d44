//! What an acknowledgement is worth, from the settings of the stream and of the server that holds it.

use std::time::Duration;

use async_nats::jetstream::stream::{Info, PersistenceMode};
use serde::Deserialize;

use crate::{
    jetstream::handle::JetStreamLog,
    log::{Durability, Error},
};

/// The first version that always fsyncs with `sync_interval: always`: earlier ones could compact a stream without.
const VERSION_MIN: [u64; 3] = [2, 15, 1];
/// With so many replicas a majority holds a frame before it is acknowledged, and outlives the loss of one.
const REPLICAS_MIN: usize = 3;
const MONITOR_TIMEOUT: Duration = Duration::from_secs(3);

/// The parts of the server's `/varz` that matter here.
#[derive(Debug, Deserialize)]
struct Varz {
    server_name: String,
    version: String,
    jetstream: Jetstream,
}

#[derive(Debug, Deserialize)]
struct Jetstream {
    config: Option<JetstreamConfig>,
}

#[derive(Debug, Deserialize)]
struct JetstreamConfig {
    /// The server leaves it out when it is off.
    #[serde(default)]
    sync_always: bool,
}

impl JetStreamLog {
    /// See [`Log::durability`](crate::log::Log::durability).
    pub(super) async fn find_durability(&self) -> Result<Durability, Error> {
        let info = self.stream_info().await?;
        let connected = self.link.client.server_info();
        if let Some(why) = weakness_of_stream(&info, &connected.version) {
            return Ok(Durability::Weak(why));
        }
        if info.config.num_replicas >= REPLICAS_MIN {
            let replicas = u32::try_from(info.config.num_replicas).expect("a stream has at most five replicas");
            return Ok(Durability::Replicated(replicas));
        }
        let Some(url) = &self.config.monitor_url else {
            return Ok(Durability::Weak("the server's sync_interval is unknown: give the monitoring URL".into()));
        };
        let varz = match fetch(url).await {
            Ok(varz) => varz,
            Err(why) => return Ok(Durability::Weak(format!("the server's sync_interval is unknown: {url}: {why}"))),
        };
        let holder = info.cluster.and_then(|cluster| cluster.leader).unwrap_or(connected.server_name);
        Ok(judge(&varz, &holder))
    }
}

fn weakness_of_stream(info: &Info, version: &str) -> Option<String> {
    if is_too_old(version) {
        return Some(too_old(version));
    }
    (info.config.persist_mode == Some(PersistenceMode::Async)).then(|| "the stream's persist_mode is async".into())
}

fn judge(varz: &Varz, holder: &str) -> Durability {
    if varz.server_name != holder {
        let found = &varz.server_name;
        return Durability::Weak(format!("the monitoring URL is that of server {found}, the stream is on {holder}"));
    }
    if is_too_old(&varz.version) {
        return Durability::Weak(too_old(&varz.version));
    }
    if varz.jetstream.config.as_ref().is_some_and(|config| config.sync_always) {
        Durability::Fsync
    } else {
        Durability::Weak(
            "the server's sync_interval is not `always`: a power loss takes what came since the last".into(),
        )
    }
}

fn too_old(version: &str) -> String {
    let [major, minor, patch] = VERSION_MIN;
    format!("nats-server {version} is older than {major}.{minor}.{patch}, which does not always fsync when it says so")
}

/// A version that cannot be parsed counts as too old, a pre-release as its release.
fn is_too_old(version: &str) -> bool {
    let plain = version.trim_start_matches('v').split(['-', '+']).next().unwrap_or_default();
    let parts: Option<Vec<u64>> = plain.split('.').map(|part| part.parse().ok()).collect();
    parts.is_none_or(|parts| parts.as_slice() < VERSION_MIN.as_slice())
}

async fn fetch(url: &str) -> Result<Varz, String> {
    let get = async {
        let client = reqwest::Client::builder().timeout(MONITOR_TIMEOUT).no_proxy().build()?;
        let answer = client.get(format!("{}/varz", url.trim_end_matches('/'))).send().await?;
        answer.error_for_status()?.json().await
    };
    get.await.map_err(|error: reqwest::Error| error.without_url().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn varz(json: &str) -> Varz {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn only_sync_always_on_the_right_new_server_is_fsync() {
        let check = |json: &str, expected: &str| {
            let found = judge(&varz(json), "a").to_string();
            assert!(found.contains(expected), "{json}: {found}");
        };
        check(r#"{"server_name":"a","version":"2.15.1","jetstream":{"config":{"sync_always":true}}}"#, "fsync");
        check(
            r#"{"server_name":"a","version":"2.15.1","jetstream":{"config":{"sync_interval":120}}}"#,
            "sync_interval",
        );
        check(r#"{"server_name":"a","version":"2.15.1","jetstream":{}}"#, "sync_interval");
        check(r#"{"server_name":"b","version":"2.15.1","jetstream":{"config":{"sync_always":true}}}"#, "server b");
        check(r#"{"server_name":"a","version":"2.15.0","jetstream":{"config":{"sync_always":true}}}"#, "older");
    }

    #[test]
    fn version_is_compared_by_number() {
        for old in ["2.9.10", "2.15.0", "1.99.99", "", "next"] {
            assert!(is_too_old(old), "{old}");
        }
        for new in ["2.15.1", "2.15.10", "2.100.0", "3.0.0", "v2.16.0-RC.1"] {
            assert!(!is_too_old(new), "{new}");
        }
    }
}
