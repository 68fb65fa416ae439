//! Plivo and its customers: brands are asked for without end, and `plivo-sim` sends the callbacks that it owes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use base64::Engine as _;
use serde_json::json;

use crate::support::callback::{AUTH_ID, ORIGIN, TOKEN};
use crate::support::http::{Connection, Request};
use crate::support::relay::Home;
use crate::support::sim::Sim;
use crate::support::wait::until_true;

/// A minute of Plivo's lasts an eighth of a second: its retries end after 0.9 s.
const TIME_SCALE: &str = "0.002";

/// How many customers ask at the same time.
const CUSTOMERS: usize = 3;

/// A Plivo that calls the relay until it is ended.
pub struct Plivo {
    sim: Sim,
    end: Arc<AtomicBool>,
    customers: Vec<JoinHandle<usize>>,
}

impl Plivo {
    /// Calls the relay at this address, wherever it is away from it; writes the file `ledger` of this home. `pause` lies
    /// between two requests of a customer.
    pub fn calling(home: &Home, relay: SocketAddr, pause: Duration) -> Self {
        let (account, via, ledger) =
            (format!("{AUTH_ID}:{TOKEN}"), format!("http://{relay}"), home.path("ledger"));
        let (ledger, fixed) =
            (ledger.to_str().unwrap(), ["--created-after", "0", "--time-scale", TIME_SCALE]);
        let own = ["--account", &account, "--via", &via, "--ledger", ledger];
        let sim = Sim::sending(&[&fixed[..], &own].concat());
        let (end, address) = (Arc::new(AtomicBool::new(false)), sim.address());
        let customers = (0..CUSTOMERS)
            .map(|_| {
                let end = Arc::clone(&end);
                std::thread::spawn(move || ask_until(&end, address, pause))
            })
            .collect();
        Plivo { sim, end, customers }
    }

    /// Asks for nothing more, and waits until every callback was delivered or given up. How many there were.
    pub fn end(mut self) -> usize {
        self.end.store(true, Ordering::Relaxed);
        let asked: usize = self.customers.drain(..).map(|customer| customer.join().unwrap()).sum();
        // Each brand is created, and then registered or rejected.
        until_true("the last callback", || self.sim.sent().len() == 2 * asked);
        self.sim.end();
        2 * asked
    }
}

impl Drop for Plivo {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
    }
}

/// One customer; how many brands it was given.
fn ask_until(end: &AtomicBool, plivo: SocketAddr, pause: Duration) -> usize {
    let credentials = base64::engine::general_purpose::STANDARD.encode(format!("{AUTH_ID}:{TOKEN}"));
    let mut connection = Connection::open(plivo).unwrap();
    let mut asked = 0;
    while !end.load(Ordering::Relaxed) {
        let alias = if asked % 3 == 2 { "please reject" } else { "acme" };
        let body = json!({
            "brand_alias": alias, "profile_uuid": "p",
            "url": format!("{ORIGIN}/tendlc_status/brand/"), "method": "POST",
        });
        let request = Request::new("POST", &format!("/v1/Account/{AUTH_ID}/10dlc/Brand/"))
            .header("Authorization", &format!("Basic {credentials}"))
            .body(body.to_string());
        assert_eq!(connection.send(&request).unwrap().status, 202);
        asked += 1;
        std::thread::sleep(pause);
    }
    asked
}
