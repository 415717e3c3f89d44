use axum::{body::Body, http::Request};
use clicktrail_evidence::note::Kind;

use super::*;
use crate::{limits::Limits, testing::Doors};

const ASKS: [(&str, &str); 1] = [("x-clicktrail-receipt", "1")];

fn key() -> SigningKey {
    SigningKey::of_seed("logs.example.com/clicks", Kind::Ed25519, [7; 32]).unwrap()
}

fn read(token: &str) -> SignedReceipt {
    SignedReceipt::read(token.as_bytes()).unwrap()
}

/// Checks that a receipt is of a row that was logged, and names its frame.
async fn check(doors: &Doors, receipt: &Receipt) {
    let position = Position::from_i64(receipt.position.unwrap()).unwrap();
    let frames = doors.click_frames().await;
    let frame = &frames[usize::try_from(position.seq().get()).unwrap() - 1];
    assert_eq!(receipt.frame.name, frame.header.message_id());
    assert_eq!(receipt.frame.digest.0, frame.header.digest().0);
    assert_eq!(receipt.frame.row, position.row());
    assert_eq!(receipt.row, captured(&frame.decode().unwrap()).unwrap()[usize::from(position.row())]);
}

#[tokio::test]
async fn click_and_pixel_that_ask_get_a_signed_receipt_of_their_row_and_others_get_none() {
    let doors = Doors::signing(Limits::default(), vec![key()]).await;
    let known = [key().verifier().clone()];
    for (place, request) in
        ["GET /c/known?eid=c-1", "HEAD /c/known?eid=c-2", "GET /i.gif?ad=known&eid=c-3"].iter().enumerate()
    {
        assert_eq!(doors.ask(request, &[]).await.header("x-clicktrail-receipt"), "", "{request}");
        assert_eq!(doors.ask(request, &[("x-clicktrail-receipt", "0")]).await.header("x-clicktrail-receipt"), "");
        let answer = doors.ask(request, &ASKS).await;
        let signed = read(answer.header("x-clicktrail-receipt"));
        assert_eq!(signed.signed_by(&known).unwrap().len(), 1);
        let receipt = signed.receipt();
        assert_eq!((receipt.event_id.as_str(), receipt.advertiser_id.as_str()), (&*format!("c-{}", place + 1), "adv"));
        check(&doors, receipt).await;
    }
    // What is not logged as an event has none.
    assert_eq!(doors.ask("GET /c/nothing", &ASKS).await.header("x-clicktrail-receipt"), "");
}

#[tokio::test]
async fn clicks_of_one_frame_have_receipts_of_their_own_rows() {
    let doors = Doors::open(Limits::default()).await;
    let clicks: Vec<String> = (0..60).map(|click| format!("GET /c/known?eid={click}")).collect();
    let asks = |click: usize| if click.is_multiple_of(3) { &ASKS[..] } else { &[] };
    let answers = clicks.iter().enumerate().map(|(number, click)| doors.ask(click, asks(number)));
    let answers = futures::future::join_all(answers).await;
    for (number, answer) in answers.iter().enumerate() {
        let token = answer.header("x-clicktrail-receipt");
        assert_eq!(token.is_empty(), number % 3 != 0);
        if !token.is_empty() {
            let signed = read(token);
            assert!(!signed.is_signed(), "no key is there, and that is said");
            assert_eq!(signed.receipt().event_id, number.to_string());
            check(&doors, signed.receipt()).await;
        }
    }
}

async fn post(doors: &Doors, path: &str, headers: &[(&str, &str)], items: usize) -> crate::testing::Answer {
    let item = |number: usize| match number {
        1 => r#"{"kind":"click","ad_id":"nothing"}"#.to_owned(),
        _ => format!(r#"{{"event_id":"c-{number}","kind":"click","ad_id":"known"}}"#),
    };
    let body = format!("[{}]", (0..items).map(item).collect::<Vec<_>>().join(","));
    let mut request = Request::post(path).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    doors.send(request.body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn batch_that_asks_has_a_receipt_for_each_logged_item() {
    let doors = Doors::signing(Limits::default(), vec![key()]).await;
    let asking = [("/v1/events?receipt=true", &[][..]), ("/v1/events?a=b&receipt=1", &[]), ("/v1/events", &ASKS)];
    for (path, headers) in asking {
        for items in [3, 2 * BLOCKING_ROWS] {
            let answer = post(&doors, path, headers, items).await.json();
            for (number, result) in answer["results"].as_array().unwrap().iter().enumerate() {
                let receipt = &result["receipt"];
                if number == 1 {
                    assert!(receipt.is_null() && result["status"] == "rejected", "{result}");
                    continue;
                }
                let signed = read(receipt["token"].as_str().unwrap());
                assert_eq!(signed.receipt().event_id, format!("c-{number}"));
                assert_eq!(signed.receipt().place(), result["position"].as_str().unwrap());
                assert_eq!(receipt["frame"], signed.receipt().frame.digest.to_string());
                assert_eq!(receipt["row"], signed.receipt().row.to_string());
                assert_eq!(receipt["signed"], true);
                check(&doors, signed.receipt()).await;
            }
        }
    }
    for path in ["/v1/events", "/v1/events?receipt=false", "/v1/events?receipts=true"] {
        let answer = post(&doors, path, &[], 3).await.json();
        assert!(answer["results"].as_array().unwrap().iter().all(|result| result.get("receipt").is_none()), "{answer}");
    }
}

#[tokio::test]
async fn more_receipts_than_are_signed_at_once_are_refused_before_anything_is_stored() {
    let doors = Doors::signing(Limits { receipts_max: 4, ..Limits::default() }, vec![key()]).await;
    assert_eq!(post(&doors, "/v1/events?receipt=true", &[], 5).await.outcome(), "413 too_many_events");
    assert_eq!(post(&doors, "/v1/events", &[], 5).await.outcome(), "200");
    assert_eq!(post(&doors, "/v1/events?receipt=true", &[], 4).await.outcome(), "200");
}

#[tokio::test]
async fn longest_receipt_takes_no_more_than_was_claimed_for_it() {
    let doors = Doors::signing(Limits::default(), vec![key(), key().of_witness()]).await;
    let long = "\u{1f980}".repeat(128);
    let body = format!(
        r#"{{"event_id":"{long}","kind":"impression","ad_id":"x","advertiser_id":"{long}","campaign_id":"c","currency":"EUR"}}"#
    );
    let request = Request::post("/v1/events?receipt=true").header("content-type", "application/json");
    let answer = doors.send(request.body(Body::from(body)).unwrap()).await.json();
    let receipt = answer["results"][0]["receipt"].to_string();
    assert!((1_000..SHOWN_BYTES_MAX).contains(&receipt.len()), "{}", receipt.len());
}

#[tokio::test]
async fn door_that_redeems_is_there_only_with_somebody_who_does() {
    let doors = Doors::open(Limits::default()).await;
    let token = doors.ask("GET /c/known", &ASKS).await.header("x-clicktrail-receipt").to_owned();
    assert_eq!(doors.ask(&format!("GET /v1/receipts/{token}"), &[]).await.outcome(), "404 not_found");
}
