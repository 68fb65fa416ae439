//! A spool that is full refuses, says so, and recovers by itself.

use crate::support::brokers::{self, Own};
use crate::support::callback::Callback;
use crate::support::config::{Config, fresh_prefix};
use crate::support::relay::Home;
use crate::support::wait::{until, until_true};

/// Big enough that a few hundred fill the smallest spool.
fn bulky() -> Callback {
    Callback::new("brand", "created").param("padding", &"p".repeat(30_000))
}

#[test]
fn a_full_spool_answers_503_and_takes_callbacks_again_once_the_broker_is_back() {
    let Some(mut nats) = Own::nats() else { return };
    let prefix = fresh_prefix("full");
    let config = Config::new().spool("max_size = \"16MiB\"").nats_sink(&nats.address(), &prefix, "");
    let home = Home::new(&config.text());
    let relay = home.start();
    let mut accepted = 0;
    let refused = until("a spool that is full", || {
        let answer = relay.send(&bulky());
        accepted += usize::from(answer.status == 200);
        (answer.status != 200).then_some(answer)
    });
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(refused.header("retry-after").is_some_and(|after| after.parse::<u32>().is_ok()), "{refused:?}");
    assert!(accepted > 100, "full after {accepted}");
    assert!(relay.metrics().sum("tendlc_append_failures_total", &[("reason", "full")]) >= 1.0);
    let ready = relay.admin("/readyz");
    assert_eq!(ready.status, 503, "{ready:?}");

    nats.start();
    until_true("callbacks taken again", || relay.send(&bulky()).status == 200);
    until_true("readiness again", || relay.admin("/readyz").status == 200);
    relay.drained();
    let published = relay.metrics().sum("tendlc_published_total", &[("sink", "nats")]);
    assert!(published as usize > accepted, "{published} of {accepted} before it was full");
}

#[test]
fn a_side_sink_that_is_dead_does_not_fill_the_spool() {
    if brokers::variable("TENDLC_TEST_NATS_BIN").is_none() {
        return;
    }
    // Nothing listens there, ever.
    let config = Config::files().spool("max_size = \"16MiB\"").nats_sink(
        "nats://127.0.0.1:9",
        &fresh_prefix("side"),
        "required = false",
    );
    let home = Home::new(&config.text());
    let relay = home.start();
    for _ in 0..800 {
        let answer = relay.send(&bulky());
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    assert!(relay.metrics().sum("tendlc_spool_deleted_total", &[("reason", "skipped")]) > 0.0);
}
