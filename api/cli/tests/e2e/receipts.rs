//! A sender holds us to what we said: events are captured with receipts, sealed, signed, and the receipts redeemed and
//! checked without us. What was tampered with is refused, and a log that was made again breaks its promises by name.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clicktrail_evidence::receipt::{Receipt, SignedReceipt};
use serde_json::{Value, json};

use crate::{
    auditor::{Auditor, bundle, export, key, sign},
    installation::Installation,
    loader::AD,
    nats_server::NatsServer,
    production::becomes_counted,
    sealed::seal_all,
    server::Server,
};

const HEADER: &str = "x-clicktrail-receipt";

/// A server that captures and signs receipts, and does nothing else.
fn doors<'i>(installation: &'i Installation, key: &str) -> Server<'i> {
    Server::start_with(installation, &["--roles", "capture", "--evidence-key", key])
}

fn click(id: &str) -> Value {
    json!({"event_id": id, "kind": "click", "ad_id": AD, "user_agent": "Mozilla/5.0 (X11)", "ip": "192.0.2.7"})
}

/// Sends clicks, and gives their receipts.
async fn sent(server: &Server<'_>, ids: &[&str]) -> Vec<String> {
    let events: Vec<Value> = ids.iter().map(|id| click(id)).collect();
    let request = reqwest::Client::new().post(format!("{}/v1/events?receipt=true", server.url())).json(&events);
    let answer: Value = request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap();
    let results = answer["results"].as_array().unwrap().iter();
    results.map(|result| result["receipt"]["token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()).collect()
}

/// Clicks on a link, and gives the receipt.
async fn clicked(server: &Server<'_>) -> String {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let request = client.get(format!("{}/c/{AD}", server.url())).header(HEADER, "1");
    let answer = request.header("user-agent", "Mozilla/5.0 (X11)").send().await.unwrap();
    assert_eq!(answer.status(), 302);
    answer.headers()[HEADER].to_str().unwrap().to_owned()
}

/// What a receipt is redeemed for: the status, and the bytes.
async fn redeemed(server: &Server<'_>, token: &str) -> (u16, Vec<u8>) {
    let answer = reqwest::get(format!("{}/v1/receipts/{token}", server.url())).await.unwrap();
    (answer.status().as_u16(), answer.bytes().await.unwrap().to_vec())
}

/// The same, where it is no proof.
async fn told(server: &Server<'_>, token: &str) -> (u16, Value) {
    let (status, bytes) = redeemed(server, token).await;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    (status, serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{status}, {error}: {text}")))
}

fn read(token: &str) -> Receipt {
    SignedReceipt::read(token.as_bytes()).unwrap().receipt().clone()
}

/// What a receipt proves, as a bundle in a file.
async fn proof(installation: &Installation, server: &Server<'_>, token: &str) -> PathBuf {
    let (status, bytes) = redeemed(server, token).await;
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&bytes));
    let file = bundle(installation, "receipt.zip");
    std::fs::write(&file, bytes).unwrap();
    file
}

/// Checks bundle and receipt with both verifiers.
#[track_caller]
fn both(auditor: &Auditor, bundle: &Path, receipt: &[u8], expected: i32) -> String {
    let receipt = ["--receipt", &auditor.given("receipt", receipt)];
    let (code, said) = auditor.verify(bundle, &receipt);
    let (of_script, by_script) = auditor.verify_by_script(bundle, &receipt);
    assert_eq!((code, of_script), (expected, expected), "{said}\n{by_script}");
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receipt_is_redeemed_for_a_proof_once_its_hour_is_signed_and_checked_offline() {
    let installation = Installation::embedded();
    installation.register_ads(&[AD]);
    let (file, verifier) = key(&installation);
    let server = Server::start_with(&installation, &["--evidence-key", &file]);
    let mut tokens = sent(&server, &["c-1", "c-2", "c-3"]).await;
    tokens.push(clicked(&server).await);
    for token in &tokens {
        let (status, told) = told(&server, token).await;
        assert_eq!((status, &told["stands"]), (202, &json!("open")), "{told}");
        assert_eq!(told["position"], json!(read(token).place()));
    }
    becomes_counted(&installation, 4).await;
    server.stop(&[]);
    seal_all(&installation).await;
    let server = doors(&installation, &file);
    let (status, answer) = told(&server, &tokens[1]).await;
    assert_eq!((status, &answer["stands"]), (202, &json!("sealed")), "{answer}");
    sign(&installation);
    let auditor = Auditor::new(&verifier);
    for token in &tokens {
        let proof = proof(&installation, &server, token).await;
        let said = both(&auditor, &proof, token.as_bytes(), 0);
        assert!(said.contains("was kept"), "{said}");
        // As text it is the same receipt, and through the command of ours too.
        let text = SignedReceipt::read(token.as_bytes()).unwrap().to_string();
        both(&auditor, &proof, text.as_bytes(), 0);
        let path = bundle(&installation, "receipt.txt");
        std::fs::write(&path, &text).unwrap();
        let check = ["evidence", "verify", proof.to_str().unwrap(), "--key", &verifier, "--receipt"];
        installation.run(&[&check[..], &[path.to_str().unwrap()]].concat()).exits(0);
        let edited = text.replacen("kind click", "kind conversion", 1);
        both(&auditor, &proof, edited.as_bytes(), 2);
    }
    // Another's receipt is not kept by this proof, and tells so.
    let of_first = proof(&installation, &server, &tokens[0]).await;
    both(&auditor, &of_first, tokens[1].as_bytes(), 3);
    // Nor is one by a key that nobody knows.
    let stranger = Auditor::new(&other_key(&installation));
    let receipt = ["--receipt", &stranger.given("receipt", tokens[0].as_bytes())];
    assert_eq!(stranger.verify(&of_first, &receipt).0, 5);
    strangers_learn_nothing(&server, &tokens[0]).await;
    server.stop(&[]);
}

fn other_key(installation: &Installation) -> String {
    let path = bundle(installation, "other.key");
    let made = ["evidence", "keygen", "--name", "logs.example.com/other", "--out", path.to_str().unwrap()];
    installation.run(&made).exits(0).stdout().trim_end().to_owned()
}

/// A receipt that is forged, edited or guessed is refused, and the refusal says nothing about the event.
async fn strangers_learn_nothing(server: &Server<'_>, token: &str) {
    let signed = SignedReceipt::read(token.as_bytes()).unwrap();
    let edited = signed.to_string().replacen("acme", "evil", 1);
    let edited = SignedReceipt::read(edited.as_bytes()).unwrap().token();
    let (status, problem) = told(server, &edited).await;
    assert_eq!((status, &problem["code"]), (400, &json!("receipt_forged")), "{problem}");
    for malformed in ["AAAA", "%00", &token[1..], &"A".repeat(20_000)] {
        let (status, problem) = told(server, malformed).await;
        assert_eq!((status, &problem["code"]), (400, &json!("no_receipt")), "{problem}");
    }
    // Whoever knows the place of an event and not all of it.
    let guessed = Receipt { row: clicktrail_evidence::Hash::of(b"guess"), ..signed.receipt().clone() };
    let guessed = SignedReceipt::issue(guessed, &[]).unwrap().token();
    let (status, problem) = told(server, &guessed).await;
    assert_eq!((status, &problem["code"]), (404, &json!("receipt_unknown")), "{problem}");
    assert!(!problem.to_string().contains("c-1"), "{problem}");
    // An unsigned receipt that is right in everything is as good as the sender's own.
    let unsigned = SignedReceipt::issue(signed.receipt().clone(), &[]).unwrap().token();
    assert_eq!(redeemed(server, &unsigned).await.0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_that_was_made_again_without_a_row_breaks_its_promise_and_is_named() {
    let installation = Installation::embedded();
    installation.register_ads(&[AD]);
    let (file, verifier) = key(&installation);
    let again = installation.copied();
    let server = Server::start_with(&installation, &["--evidence-key", &file]);
    let tokens = sent(&server, &["c-1", "c-2"]).await;
    server.stop(&[]);
    // The same key, the same place, another past: the second click was never there.
    let server = Server::start_with(&again, &["--evidence-key", &file]);
    sent(&server, &["c-1"]).await;
    becomes_counted(&again, 1).await;
    server.stop(&[]);
    seal_all(&again).await;
    again.run(&["log", "sign", "--evidence-key", &file]).exits(0);
    again.run(&["log", "verify", "--deep", "--key", &verifier]).exits(0);
    let server = doors(&again, &file);
    for (token, why) in tokens.iter().zip(["not as it was captured", "nothing is there"]) {
        let (status, problem) = told(&server, token).await;
        assert_eq!((status, &problem["code"]), (409, &json!("promise_broken")), "{problem}");
        let detail = problem["detail"].as_str().unwrap();
        let receipt = read(token);
        assert!(detail.contains(why) && detail.contains(&receipt.event_id), "{detail}");
        assert!(detail.contains(&receipt.place()), "{detail}");
    }
    server.stop(&["a receipt that we signed is not what was logged"]);

    // Offline it is the same: by the event in its place, and by all events of its advertiser.
    let auditor = Auditor::new(&verifier);
    export(&again, &["--query", "position=1.1.0"], "one.zip").exits(0);
    let said = both(&auditor, &bundle(&again, "one.zip"), tokens[0].as_bytes(), 7);
    assert!(said.contains("promise broken"), "{said}");
    let hour = clicktrail_log::time::Timestamp::from_micros(read(&tokens[1]).captured_at).hour();
    let (from, to) = (format!("{hour}:00:00Z"), format!("{}:00:00Z", hour.next()));
    export(&again, &["--query", &format!("advertiser=acme,from={from},to={to}")], "all.zip").exits(0);
    let said = both(&auditor, &bundle(&again, "all.zip"), tokens[1].as_bytes(), 7);
    assert!(said.contains("all rows of acme are there, and none is it"), "{said}");
}

/// What a server says about a broker that is away.
const EXPECTED: [&str; 7] = [
    "the broker's connection is lost",
    "the broker is not reached; connecting is tried again",
    "the log is away; frames go to the spool",
    "judging is tried again",
    "counting is tried again",
    "sealing is tried again",
    "frame is sent again",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receipt_of_a_click_that_was_spooled_is_redeemed_after_the_spool_drained() {
    let mut broker = NatsServer::start();
    let installation = Installation::on_broker(&broker);
    installation.register_ads(&[AD]);
    let (file, verifier) = key(&installation);
    let server = Server::start_with(&installation, &["--evidence-key", &file]);
    let before = clicked(&server).await;
    assert!(read(&before).position.is_some());
    broker.kill();
    let mut tokens = vec![clicked(&server).await];
    tokens.extend(sent(&server, &["c-1", "c-2"]).await);
    for token in &tokens {
        assert_eq!(read(token).position, None, "nobody knows it yet, and that is said");
        let (status, told) = told(&server, token).await;
        assert_eq!((status, &told["stands"], &told["position"]), (202, &json!("spooled"), &Value::Null), "{told}");
    }
    broker.restart();
    tokio::time::timeout(Duration::from_secs(60), becomes_counted(&installation, 4)).await.unwrap();
    server.stop(&EXPECTED);
    seal_all(&installation).await;
    sign(&installation);
    let server = doors(&installation, &file);
    let auditor = Auditor::new(&verifier);
    for token in tokens.iter().chain([&before]) {
        let proof = proof(&installation, &server, token).await;
        let said = both(&auditor, &proof, token.as_bytes(), 0);
        assert!(said.contains("was kept"), "{said}");
    }
    server.stop(&EXPECTED);
}
