//! What an operator writes, damaged: settings, lists of ads, arguments. Each is read or refused with its place.

use clap::Parser as _;
use clicktrail_damage::{Trial, test};

use crate::{ads, command::Cli, config};

const SETTINGS: &str = concat!(
    "data = \"/var/lib/clicktrail\"\nnats = \"nats://127.0.0.1:4222\"\nnats_monitor = \"http://127.0.0.1:8222\"\n",
    "stream_prefix = \"CT\"\narchive = \"s3://bucket/prefix\"\ncatalog = \"postgres://x@localhost/y\"\n",
    "ruleset = \"rules.toml\"\nprojections = \"projections\"\nactor = \"anna\"\n",
);
const ADS: &str = concat!(
    "ad_id,advertiser_id,campaign_id,target_url,price,currency\n",
    "a-1,acme,spring,https://shop.example/?q=1,0.25,EUR\n",
    "\"a,2\",acme,\"spring\nsale\",http://shop.example/{click_id},1e-3,JPY\n",
);

#[test]
fn settings_of_any_bytes_are_read_or_refused() {
    Trial::of(test!(settings_of_any_bytes_are_read_or_refused)).example(SETTINGS).run(|bytes| {
        if let Err(error) = toml::from_str::<config::File>(&String::from_utf8_lossy(bytes)) {
            assert!(!error.message().is_empty());
        }
    });
}

#[test]
fn list_of_ads_of_any_bytes_is_read_or_refused_with_its_line() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ads.csv");
    let trial = Trial::of(test!(list_of_ads_of_any_bytes_is_read_or_refused_with_its_line));
    trial.example(ADS).words(&["\"", ",", "http://", "\r\n", "1e99"]).run(|bytes| {
        std::fs::write(&file, bytes).unwrap();
        match ads::read(&file) {
            Ok(ads) => assert!(ads.iter().all(|ad| ad.price_micros >= 0 && ad.target_url.starts_with("http"))),
            Err(error) => {
                let error = format!("{error:#}");
                assert!(error.contains("ads.csv, line "), "{error}");
            }
        }
    });
}

#[test]
fn arguments_of_any_text_are_taken_or_refused() {
    let trial = Trial::of(test!(arguments_of_any_text_are_taken_or_refused)).slow(8).bytes_per_byte(1_000);
    let examples = [
        "counters --from 2026-11-01 --to 2026-12-01 --timezone Europe/Berlin --by campaign --output json",
        "serve --listen 127.0.0.1:8080 --roles judge,project,archive --trusted-hops 1",
        "ads add a-1 --advertiser acme --campaign spring --target https://x.example/ --price 0.25 --currency EUR",
        "log stream --after 1.42.0 --to 2026-11-22T14",
        "import access.log --format combined --mapping m.toml --rejects-max 0.5%",
        "simulate --events 1000 --hours 24 --start 2026-01-01T00:00:00Z --seed 7",
        "replay promote 00000000000000aa --max-change 5%",
        "verdicts show 1.42.0",
    ];
    trial.examples(examples).words(&["--from", "--", "=", " -v", " --help", "127.1099511627775.65535"]).run(|bytes| {
        let text = String::from_utf8_lossy(bytes);
        let refused = Cli::try_parse_from(std::iter::once("clicktrail").chain(text.split_whitespace())).err();
        assert!(refused.is_none_or(|error| !error.to_string().is_empty()));
    });
}
