//! Plivo and its customers: brands are asked for without end, and `plivo-sim` sends the callbacks that it owes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};

use crate::support::callback::{AUTH_ID, ORIGIN, TOKEN};
use crate::support::http::{Connection, Request};
use crate::support::relay::Home;
use crate::support::sim::Sim;
use crate::support::wait::until_true;

/// How many customers ask at the same time.
const CUSTOMERS: usize = 3;

/// How Plivo calls.
pub struct Calls {
    /// What lies between two requests of a customer.
    pub pause: Duration,
    /// How much shorter Plivo's own pauses are.
    pub time_scale: &'static str,
    /// Where customers want to be told, in turn.
    pub paths: Vec<String>,
}

impl Calls {
    /// As often as this, and as seldom as usual where a retry is needed: a minute of Plivo's lasts an eighth of a second,
    /// so that its retries end after 0.9 s.
    pub fn every(pause: Duration) -> Self {
        Calls { pause, time_scale: "0.002", paths: vec!["/tendlc_status/brand/".to_owned()] }
    }
}

/// A Plivo that calls the relay until it is ended.
pub struct Plivo {
    sim: Sim,
    town: Arc<Town>,
    customers: Vec<JoinHandle<()>>,
}

/// What all customers go by.
#[derive(Default)]
struct Town {
    end: AtomicBool,
    rest: AtomicBool,
    /// Customers that ask for nothing now.
    resting: AtomicUsize,
    /// Brands asked for.
    asked: AtomicUsize,
}

impl Plivo {
    /// Calls the relay at this address, wherever it is away from it; writes the file `ledger` of this home. `pause` lies
    /// between two requests of a customer.
    pub fn calling(home: &Home, relay: SocketAddr, pause: Duration) -> Self {
        Plivo::making(home, relay, &Calls::every(pause))
    }

    /// The same, with these calls.
    pub fn making(home: &Home, relay: SocketAddr, calls: &Calls) -> Self {
        let (account, via, ledger) =
            (format!("{AUTH_ID}:{TOKEN}"), format!("http://{relay}"), home.path("ledger"));
        let (ledger, fixed) =
            (ledger.to_str().unwrap(), ["--created-after", "0", "--time-scale", calls.time_scale]);
        let own = ["--account", &account, "--via", &via, "--ledger", ledger];
        let sim = Sim::sending(&[&fixed[..], &own].concat());
        let (town, address) = (Arc::<Town>::default(), sim.address());
        let customers = (0..CUSTOMERS)
            .map(|_| {
                let (town, pause, paths) = (Arc::clone(&town), calls.pause, calls.paths.clone());
                std::thread::spawn(move || ask_until(&town, address, pause, &paths))
            })
            .collect();
        Plivo { sim, town, customers }
    }

    /// Asks for nothing until `go_on`, and waits until every callback was delivered or given up.
    pub fn rest(&self) {
        self.town.rest.store(true, Ordering::SeqCst);
        until_true("customers at rest", || self.town.resting.load(Ordering::SeqCst) == CUSTOMERS);
        self.all_sent();
    }

    /// Asks again.
    pub fn go_on(&self) {
        self.town.rest.store(false, Ordering::SeqCst);
    }

    /// Asks for nothing more, and waits until every callback was delivered or given up. How many there were.
    pub fn end(mut self) -> usize {
        self.town.end.store(true, Ordering::SeqCst);
        self.customers.drain(..).for_each(|customer| customer.join().unwrap());
        let callbacks = self.all_sent();
        self.sim.end();
        callbacks
    }

    fn all_sent(&self) -> usize {
        // Each brand is created, and then registered or rejected.
        let callbacks = 2 * self.town.asked.load(Ordering::SeqCst);
        until_true("the last callback", || self.sim.sent().len() == callbacks);
        callbacks
    }
}

impl Drop for Plivo {
    fn drop(&mut self) {
        self.town.end.store(true, Ordering::SeqCst);
    }
}

/// One customer.
fn ask_until(town: &Town, plivo: SocketAddr, pause: Duration, paths: &[String]) {
    let credentials = base64::engine::general_purpose::STANDARD.encode(format!("{AUTH_ID}:{TOKEN}"));
    let mut connection = Connection::open(plivo).unwrap();
    for (turn, path) in paths.iter().cycle().enumerate() {
        if town.waited_out_rest() {
            // Nobody keeps a connection that long.
            connection = Connection::open(plivo).unwrap();
        }
        if town.end.load(Ordering::SeqCst) {
            return;
        }
        let alias = if turn % 3 == 2 { "please reject" } else { "acme" };
        let body = json!({
            "brand_alias": alias, "profile_uuid": "p",
            "url": format!("{ORIGIN}{path}"), "method": "POST",
        });
        let request = Request::new("POST", &format!("/v1/Account/{AUTH_ID}/10dlc/Brand/"))
            .header("Authorization", &format!("Basic {credentials}"))
            .body(body.to_string());
        assert_eq!(connection.send(&request).unwrap().status, 202);
        town.asked.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(pause);
    }
}

impl Town {
    /// Whether there was one.
    fn waited_out_rest(&self) -> bool {
        if !self.rest.load(Ordering::SeqCst) {
            return false;
        }
        self.resting.fetch_add(1, Ordering::SeqCst);
        while self.rest.load(Ordering::SeqCst) && !self.end.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(10));
        }
        self.resting.fetch_sub(1, Ordering::SeqCst);
        !self.end.load(Ordering::SeqCst)
    }
}

/// The callbacks of the file `ledger` of this home, each with its attempts.
fn deliveries(home: &Home) -> impl Iterator<Item = Value> {
    let ledger = std::fs::read_to_string(home.path("ledger")).unwrap();
    // The first line says whose it is.
    let lines: Vec<String> = ledger.lines().skip(1).map(str::to_owned).collect();
    lines.into_iter().map(|line| serde_json::from_str(&line).unwrap())
}

/// Every callback was answered 200 at its first attempt. How long the slowest took.
pub fn slowest_of_all_taken_at_once(home: &Home) -> Duration {
    let took = deliveries(home).map(|delivery| {
        let attempts = delivery["attempts"].as_array().unwrap();
        assert!(attempts.len() == 1 && attempts[0]["code"] == 200, "not taken at once: {delivery:#}");
        let at = |moment: &str| attempts[0][moment].as_u64().unwrap();
        at("ended_ns") - at("started_ns")
    });
    Duration::from_nanos(took.max().unwrap())
}

/// Every callback was answered 200 before Plivo gave up. How many attempts that took.
pub fn attempts_of_all_delivered(home: &Home) -> usize {
    let attempts = deliveries(home).map(|delivery| {
        assert_eq!(delivery["outcome"], "delivered", "Plivo gave up: {delivery:#}");
        delivery["attempts"].as_array().unwrap().len()
    });
    attempts.sum()
}
