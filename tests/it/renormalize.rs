//! What could not be placed is understood once an alias was added, and published once, as a revision.

use serde_json::Value;

use crate::support::callback::Callback;
use crate::support::config::Config;
use crate::support::files;
use crate::support::relay::Home;
use crate::support::wait::until_true;

const ALIASES: &str =
    "[normalize.aliases]\nbrand_id = [\"brand_id\", \"marke\"]\nstatus = [\"status\", \"zustand\"]";

/// A brand's callback with a field name that the relay was never told.
fn strange(entity: &str) -> Callback {
    Callback::with_params("/tendlc_status/", &[("marke", entity), ("zustand", "FAILED")])
}

fn renormalize(home: &Home, more: &[&str]) -> Value {
    home.run(&[["renormalize"].as_slice(), more].concat()).json_lines().remove(0)
}

#[test]
fn what_an_alias_makes_clear_is_published_once_as_a_revision() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let first = relay.accept(&strange("BSTRANGE"));
    let unknown =
        Callback::with_params("/tendlc_status/brand/", &[("brand_id", "BKNOWN"), ("zustand", "COMPLETED")]);
    let second = relay.accept(&unknown);
    let clear = relay.accept(&Callback::about("brand", "created", "BCLEAR"));
    relay.drained();
    assert_eq!(renormalize(&home, &["--dry-run"])["would"]["renormalized"], 0, "nothing was mended");

    // The relay runs on with its old aliases; the command has the new ones.
    home.write("relay.toml", &Config::files().tables(ALIASES).text());
    let would = renormalize(&home, &["--dry-run"]);
    assert_eq!((&would["would"]["looked_at"], &would["would"]["renormalized"]), (&2.into(), &2.into()));
    assert_eq!(home.run(&["renormalize"]).code, Some(2), "nobody agreed");
    assert_eq!(renormalize(&home, &["--yes"])["renormalized"], 2);
    assert_eq!(renormalize(&home, &["--yes"])["renormalized"], 0, "once");
    relay.drained();
    let brands = || files::topic_events(&home.events(), "plivo.10dlc.brand");
    // The one of unknown status, the clear one, and two revisions.
    until_true("the revisions", || brands().len() == 4);
    let revision = |id: &str| {
        let brands = brands();
        brands
            .into_iter()
            .find(|event| event["data"]["supersedes"] == id)
            .unwrap_or_else(|| panic!("none of {id}"))
    };
    let one = revision(&first);
    assert_eq!(one["id"], format!("{first}-r1"));
    assert_eq!((&one["data"]["brand_id"], &one["data"]["status"]), (&"BSTRANGE".into(), &"rejected".into()));
    assert_eq!((&one["data"]["revision"], &one["data"]["occurrence"]), (&1.into(), &0.into()));
    let superseded = files::topic_events(&home.events(), "plivo.10dlc.unrecognized");
    assert_eq!((&superseded[0]["id"], &superseded[0]["time"]), (&first.as_str().into(), &one["time"]));
    assert_eq!(revision(&second)["data"]["status"], "registered");
    assert!(brands().iter().all(|event| event["data"]["supersedes"] != clear.as_str()));

    // A stopped relay, with what came under its old aliases.
    let third = relay.accept(&strange("BTHIRD"));
    relay.drained();
    relay.stop();
    assert_eq!(renormalize(&home, &["--yes", "--since", "1h"])["renormalized"], 1);
    let relay = home.start();
    until_true("the third revision", || brands().len() == 5);
    assert_eq!(revision(&third)["data"]["brand_id"], "BTHIRD");
    assert_eq!(relay.accept(&strange("BFOURTH")).len(), 32);
    relay.drained();
    assert_eq!(brands().len(), 6, "the relay has the aliases since its start");
    relay.stop();
}
