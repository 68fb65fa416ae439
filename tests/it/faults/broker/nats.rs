//! Faults of a NATS server.

use super::scene::{Fault, SHORTEST, Scene, minutes};
use crate::faults::report::size;
use crate::support::brokers::Own;
use crate::support::callback::Callback;
use crate::support::config::{Config, fresh_prefix};
use crate::support::proxy::Proxy;
use crate::support::readers::{self, Delivered};
use crate::support::wait::until_true;

/// Takes bodies that are larger than the server's limit of one megabyte.
const LARGE_BODIES: &str = "limits = { body = \"4MiB\" }";

/// How the relay says who it is, and who else may come.
const IDENTITY: &str = "user = \"relay\"\npassword = \"t0ken-relay\"";
const READER: [&str; 4] = ["--user", "reader", "--password", "t0ken-reader"];

/// A server of one test's own, and a relay that comes to it by a proxy.
struct Case {
    server: Own,
    proxy: Proxy,
    stream: String,
    scene: Scene,
}

impl Case {
    fn new() -> Option<Self> {
        Case::start("", true)
    }

    /// With more of the server's configuration, and a relay that makes the stream or finds it there.
    fn start(more: &str, creates: bool) -> Option<Self> {
        let mut server = Own::nats()?;
        if !more.is_empty() {
            server.configure(more);
        }
        server.start();
        let proxy = Proxy::to(server.socket());
        let stream = fresh_prefix("nats");
        let lines = if more.is_empty() { "" } else { IDENTITY };
        let config = Config::new().ingress(LARGE_BODIES).nats_sink(
            &format!("nats://{}", proxy.address()),
            &stream,
            lines,
        );
        let mut config = config.text();
        if !creates {
            readers::make(&["stream", &server.address(), &stream, "600"]);
            config = config.replace("create = { enabled = true, replicas = 1 }", "");
        }
        let scene = Scene::new("nats", &config);
        Some(Case { server, proxy, stream, scene })
    }

    /// `before` is what was read from a stream that is no more.
    fn ends(self, faults: &str, mut before: Vec<Delivered>, identity: &[&str]) {
        let (url, stream) = (self.server.address(), self.stream);
        // JetStream keeps one of each id.
        self.scene.ends(faults, &[], |_| {
            before.extend(readers::nats(&url, &stream, identity));
            before
        });
    }

    fn read(&self) -> Vec<Delivered> {
        readers::nats(&self.server.address(), &self.stream, &[])
    }

    fn make(&self, what: &str, more: &[&str]) {
        let (url, stream) = (self.server.address(), self.stream.as_str());
        readers::make(&[&[what, &url, stream], more].concat());
    }
}

/// The part of the server's configuration that names its users.
fn users(names: &[&str]) -> String {
    let user = |name: &&str| format!("{{ user: {name}, password: \"t0ken-{name}\" }}\n");
    format!("authorization {{ users: [\n{}] }}\n", names.iter().map(user).collect::<String>())
}

/// Each try is over at once.
fn quick<'a>(name: &'a str, codes: &'a [&'a str]) -> Fault<'a> {
    Fault { name, codes, tries: size(5, 12), lasts: SHORTEST }
}

/// Each try takes as long as an answer may.
fn silent<'a>(name: &'a str, codes: &'a [&'a str]) -> Fault<'a> {
    Fault { name, codes, tries: size(1, 5), lasts: SHORTEST }
}

#[test]
fn a_nats_that_is_refused_or_resets_costs_nothing() {
    let Some(case) = Case::new() else { return };
    let refused = quick("refused", &["connection"]);
    case.scene.through(&refused, || case.proxy.close(), || case.proxy.heal());
    for bytes in (0..size(5, 50)).map(|turn| 10_000 + 777 * turn) {
        case.proxy.cut_after(bytes);
        until_true("the reset in the midst of a batch", || case.proxy.was_cut());
        case.scene.publishes();
    }
    case.scene.recovers();
    case.ends("refused, and reset in the midst of batches", Vec::new(), &[]);
}

#[test]
fn a_nats_that_swallows_everything_or_stands_still_costs_nothing() {
    let Some(case) = Case::new() else { return };
    let codes = ["timeout", "connection", "other"];
    case.scene.through(&silent("black-holed", &codes), || case.proxy.swallow(), || case.proxy.heal());
    let slow = Fault { lasts: minutes(), ..silent("slow", &codes) };
    case.scene.through(&slow, || case.server.freeze(), || case.server.thaw());
    case.ends("black-holed and slow", Vec::new(), &[]);
}

#[test]
fn a_nats_that_does_not_know_our_user_any_more_is_waited_for() {
    let Some(case) = Case::start(&users(&["relay", "reader"]), true) else { return };
    let know = |names: &[&str]| {
        case.server.configure(&users(names));
        case.server.reload();
    };
    let revoked = quick("authentication revoked", &["authentication"]);
    case.scene.through(&revoked, || know(&["reader"]), || know(&["relay", "reader"]));
    case.ends("authentication revoked", Vec::new(), &READER);
}

#[test]
fn a_stream_that_is_deleted_is_made_again_or_waited_for() {
    let Some(case) = Case::new() else { return };
    case.scene.settles();
    let before = case.read();
    case.make("no-stream", &[]);
    case.scene.recovers();
    case.ends("stream deleted, and made again by the relay", before, &[]);

    let Some(case) = Case::start("", false) else { return };
    let mut before = Vec::new();
    let delete = || {
        case.scene.settles();
        before = case.read();
        case.make("no-stream", &[]);
        case.scene.goes_on();
    };
    case.scene.through(&quick("stream deleted", &["missing"]), delete, || case.make("stream", &["600"]));
    case.ends("stream deleted, and made again by hand", before, &[]);
}

#[test]
fn a_stream_that_is_full_is_waited_for_and_what_is_too_large_for_it_is_not() {
    let Some(case) = Case::new() else { return };
    let limit = |key: &str, value: &str| case.make("limit", &[key, value]);
    case.scene.through(
        &quick("stream full", &["full"]),
        || limit("max_msgs", "1"),
        || limit("max_msgs", "-1"),
    );
    let large = |bytes: usize| Callback::new("campaign", "created").param("padding", &"p".repeat(bytes));
    limit("max_msg_size", "10000");
    case.scene.buries(&large(20_000));
    limit("max_msg_size", "-1");
    // Than the server takes at all.
    case.scene.buries(&large(1_200_000));
    case.scene.recovers();
    case.ends("stream full, and events too large", Vec::new(), &[]);
}
