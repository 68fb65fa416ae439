//! A courier against servers that answer as they are told to.

use std::sync::Mutex;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::sim::ledger::Label;
use crate::sim::notice::{Endpoint, Notice, Status};
use crate::sim::profile::{Format, Profile};
use crate::sim::testing;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 35\r\n\r\n{\"status\":\"accepted\",\"id\":\"the-id\"}";
const NO_CONTENT: &str = "HTTP/1.1 204 No Content\r\n\r\n";
const BUSY: &str = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n";

/// Answers one request after the other, and keeps what it was sent. An answer that is empty never comes.
struct Customer {
    url: String,
    got: Arc<Mutex<Vec<String>>>,
}

impl Customer {
    async fn start(answers: &[&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/cb/", listener.local_addr().unwrap());
        let got = Arc::new(Mutex::new(Vec::new()));
        let (kept, answers) = (got.clone(), answers.to_vec());
        tokio::spawn(async move {
            let (mut answers, mut stalled) = (answers.into_iter(), Vec::new());
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                while let Some(request) = request(&mut stream).await {
                    kept.lock().unwrap().push(request);
                    match answers.next() {
                        Some("") => break,
                        answer => stream.write_all(answer.unwrap_or(OK).as_bytes()).await.unwrap(),
                    }
                }
                stalled.push(stream);
            }
        });
        Customer { url, got }
    }

    fn got(&self) -> Vec<String> {
        self.got.lock().unwrap().clone()
    }
}

/// A whole request, or nothing where the connection ends before its end.
async fn request(stream: &mut TcpStream) -> Option<String> {
    let mut text = String::new();
    while !is_whole(&text) {
        let mut piece = [0; 4096];
        let length = stream.read(&mut piece).await.unwrap_or(0);
        if length == 0 {
            return None;
        }
        text.push_str(&String::from_utf8_lossy(&piece[..length]));
    }
    Some(text)
}

fn is_whole(text: &str) -> bool {
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    length.map_or(0, |length| length.parse().unwrap()) <= body.len()
}

fn courier(retry_nonce: RetryNonce, timeout: Duration) -> Courier {
    let settings = Settings {
        pen: Pen { seed: 1, retry_nonce, v3: false },
        time_scale: 0.000_01,
        timeout,
        concurrency: 4,
        via: None,
        ca_file: None,
    };
    Courier::new(settings, Clock::start()).unwrap()
}

fn errand(url: &str) -> Errand {
    let notice = Notice { url: url.to_owned(), ..testing::notice(1, Endpoint::Brand, Status::Created) };
    let payload = Payload::of(&Profile::built_in("snake").unwrap(), Format::Form, &notice, None, &[]);
    Errand {
        means: Profile::built_in("snake").unwrap().meaning(&notice),
        notice: Arc::new(notice),
        copy: 0,
        label: Label::Genuine,
        said: payload.said(),
        payload,
        signing: Signing::Own,
        sending: Sending::Whole,
        delay: Duration::ZERO,
        attempts: ATTEMPTS,
    }
}

fn codes(delivery: &Delivery) -> Vec<Option<u16>> {
    delivery.attempts.iter().map(|attempt| attempt.code).collect()
}

#[tokio::test]
async fn exactly_200_is_delivered_and_anything_else_is_tried_again() {
    let customer = Customer::start(&[NO_CONTENT, BUSY, OK]).await;
    let delivery = courier(RetryNonce::Keep, TIMEOUT).deliver(&errand(&customer.url)).await;
    assert_eq!(codes(&delivery), [Some(204), Some(503), Some(200)]);
    assert_eq!(delivery.outcome, Outcome::Delivered);
    let last = delivery.attempts.last().unwrap();
    assert_eq!(
        (last.answer_status.as_deref(), last.answer_id.as_deref()),
        (Some("accepted"), Some("the-id"))
    );
    let got = customer.got();
    assert!(got[0].contains(&format!("X-Plivo-Signature-V2-Nonce: {}\r\n", last.nonce)));
    assert!(got.iter().all(|request| *request == got[0]), "a retry that keeps its nonce is the same bytes");
    assert!(delivery.attempts.windows(2).all(|pair| pair[0].ended_ns <= pair[1].started_ns));
}

#[tokio::test]
async fn after_four_attempts_it_is_given_up() {
    let customer = Customer::start(&[BUSY; 9]).await;
    let delivery = courier(RetryNonce::New, TIMEOUT).deliver(&errand(&customer.url)).await;
    assert_eq!((codes(&delivery), delivery.outcome), (vec![Some(503); 4], Outcome::GivenUp));
    let nonces: std::collections::HashSet<&String> =
        delivery.attempts.iter().map(|attempt| &attempt.nonce).collect();
    assert_eq!((nonces.len(), customer.got().len()), (4, 4));
}

#[tokio::test]
async fn what_is_not_answered_in_time_is_tried_again() {
    let customer = Customer::start(&["", OK]).await;
    let delivery = courier(RetryNonce::Keep, Duration::from_millis(50)).deliver(&errand(&customer.url)).await;
    assert_eq!(codes(&delivery), [None, Some(200)]);
    assert!(delivery.attempts[0].error.as_deref().unwrap().contains("no answer within"));
}

#[tokio::test]
async fn a_cut_delivery_comes_again_whole() {
    let customer = Customer::start(&[OK]).await;
    let errand = Errand { sending: Sending::Cut(300), ..errand(&customer.url) };
    let delivery = courier(RetryNonce::Keep, TIMEOUT).deliver(&errand).await;
    assert_eq!(codes(&delivery), [None, Some(200)]);
    assert_eq!(customer.got().len(), 1, "the customer never saw the whole of the first");
}

#[tokio::test]
async fn nobody_there_is_a_failed_attempt() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let delivery = courier(RetryNonce::Keep, TIMEOUT).deliver(&Errand { attempts: 1, ..errand(&url) }).await;
    assert_eq!((codes(&delivery), delivery.outcome), (vec![None], Outcome::GivenUp));
    let nowhere = courier(RetryNonce::Keep, TIMEOUT).deliver(&Errand { attempts: 1, ..errand("h") }).await;
    assert!(nowhere.attempts[0].error.as_deref().unwrap().contains("http"));
}

#[tokio::test]
async fn a_delivery_that_waits_holds_up_no_other() {
    let customer = Customer::start(&[BUSY, OK]).await;
    let slow =
        Settings { time_scale: 1e6, concurrency: 1, ..courier(RetryNonce::Keep, TIMEOUT).settings().clone() };
    let slow = Courier::new(slow, Clock::start()).unwrap();
    let waiting = tokio::spawn({
        let (slow, errand) = (slow.clone(), errand(&customer.url));
        async move { slow.deliver(&errand).await }
    });
    while customer.got().is_empty() {
        tokio::task::yield_now().await;
    }
    let other = slow.deliver(&errand(&customer.url)).await;
    assert_eq!(codes(&other), [Some(200)]);
    assert!(!waiting.is_finished());
    waiting.abort();
}

/// Stopped while it waits for its next attempt.
#[tokio::test(start_paused = true)]
async fn what_waits_when_it_is_stopped_is_unfinished_and_what_comes_after_is_not_sent() {
    let settings = Settings {
        pen: Pen { seed: 1, retry_nonce: RetryNonce::Keep, v3: false },
        time_scale: 1.0,
        timeout: TIMEOUT,
        concurrency: 4,
        // No server has this port.
        via: Some(Origin::of("http://127.0.0.1:1").unwrap()),
        ca_file: None,
    };
    let courier = Courier::new(settings, Clock::start()).unwrap();
    let under_way = tokio::spawn({
        let courier = courier.clone();
        async move { courier.deliver(&errand("http://h/")).await }
    });
    tokio::time::sleep(PAUSES[0] + PAUSES[1] / 2).await;
    courier.stop();
    let delivery = under_way.await.unwrap();
    assert_eq!((delivery.attempts.len(), delivery.outcome), (2, Outcome::Unfinished));
    let after = courier.deliver(&errand("http://h/")).await;
    assert_eq!((after.attempts.len(), after.outcome), (0, Outcome::Unfinished));
}

/// What Plivo's page says: 8 seconds for an answer, whatever the time scale, and 60, 120 and 240 before the next
/// attempt, times the time scale.
#[tokio::test(start_paused = true)]
async fn the_deadline_and_the_pauses_are_those_of_plivo() {
    // Takes connections and never answers.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    for (time_scale, pauses) in [(1.0, [60_000, 120_000, 240_000]), (0.01, [600, 1_200, 2_400])] {
        let settings = Settings { time_scale, ..courier(RetryNonce::Keep, TIMEOUT).settings().clone() };
        let courier = Courier::new(settings, Clock::start()).unwrap();
        let delivery = courier.deliver(&errand(&url)).await;
        assert_eq!((codes(&delivery), delivery.outcome), (vec![None; 4], Outcome::GivenUp));
        for attempt in &delivery.attempts {
            assert_eq!(millis(attempt.started_ns, attempt.ended_ns), 8_000);
        }
        let between = |two: &[Attempt]| millis(two[0].ended_ns, two[1].started_ns);
        assert_eq!(delivery.attempts.windows(2).map(between).collect::<Vec<_>>(), pauses);
    }
}

/// A timer of the runtime goes off within its next millisecond.
fn millis(from_ns: u64, to_ns: u64) -> u64 {
    (to_ns - from_ns) / 1_000_000
}
