//! The story that the demo tells: one company's way to its first 10DLC text, and what can go wrong on it.

use crate::signature::{Key, v2};

/// The account of the demo. Its token exists nowhere but here.
pub(super) const ACCOUNT: &str = "demo";
pub(super) const AUTH_ID: &str = "MADEMO0000000000TEST";
pub(super) const AUTH_TOKEN: &str = "not-a-real-token-but-signed-like-one";
/// What Plivo would have been given as the callback URL's origin.
pub(super) const ORIGIN: &str = "https://relay.example.com";

const BRAND: &str = "BDEMO01";
/// The campaign that is rejected, and the one that takes its place.
const FIRST_TRY: &str = "CDEMO01";
const CAMPAIGN: &str = "CDEMO02";

/// One request of the story.
pub(super) struct Step {
    /// What happens, for the reader.
    pub(super) what: &'static str,
    /// The path under the origin, which is what Plivo signs.
    pub(super) path: &'static str,
    /// The form's fields, in order.
    pub(super) fields: Vec<(&'static str, &'static str)>,
    /// `X-Plivo-Signature-V2-Nonce`.
    pub(super) nonce: &'static str,
    /// `X-Plivo-Signature-V2`.
    pub(super) signature: String,
    /// The code and the `status` of the answer that this must get, `-` where there is none.
    pub(super) expected: (u16, &'static str),
}

impl Step {
    /// Whether it becomes an event on a topic.
    pub(super) fn publishes(&self) -> bool {
        self.expected == (200, "accepted")
    }
}

/// The whole story, in order.
pub(super) fn story() -> Vec<Step> {
    let mut steps = vec![
        brand("the brand is handed to the registry", "1001", "created", None),
        brand("the registry takes the brand", "1002", "registered", None),
        campaign("a campaign is created", "1003", FIRST_TRY, "created", None),
        campaign(
            "the campaign is rejected: the one callback that nobody may miss",
            "1004",
            FIRST_TRY,
            "rejected",
            Some(("reason", "Opt-in description is missing a link to the privacy policy")),
        ),
        campaign("with its reason mended it is created anew", "1005", CAMPAIGN, "created", None),
        campaign("and registered", "1006", CAMPAIGN, "registered", None),
        link("a first number is linked", "1007", "+14155550101", "success", None),
        link(
            "a second one fails",
            "1008",
            "+14155550102",
            "failed",
            Some(("reason", "Number belongs to another campaign")),
        ),
        unlink("the first number is unlinked", "1009", "+14155550101", "success"),
    ];
    steps.push(again(&steps[3], "Plivo did not see our answer and retries the rejection: no second event"));
    steps.push(forgery());
    steps.push(tampered(&steps[5]));
    steps.push(signed(
        "a genuine callback with fields that nobody documented: kept, not dropped",
        "/tendlc_status/",
        "1012",
        vec![("surprise", "a field of next year"), ("shade", "blue")],
        (200, "accepted"),
    ));
    steps
}

type Extra = Option<(&'static str, &'static str)>;

fn brand(what: &'static str, nonce: &'static str, status: &'static str, extra: Extra) -> Step {
    let mut fields = vec![("brand_id", BRAND), ("status", status)];
    fields.extend(extra);
    signed(what, "/tendlc_status/brand/", nonce, fields, (200, "accepted"))
}

fn campaign(
    what: &'static str,
    nonce: &'static str,
    id: &'static str,
    status: &'static str,
    extra: Extra,
) -> Step {
    let mut fields = vec![("campaign_id", id), ("brand_id", BRAND), ("status", status)];
    fields.extend(extra);
    signed(what, "/tendlc_status/campaign/", nonce, fields, (200, "accepted"))
}

fn link(
    what: &'static str,
    nonce: &'static str,
    number: &'static str,
    status: &'static str,
    extra: Extra,
) -> Step {
    let mut fields = vec![("number", number), ("campaign_id", CAMPAIGN), ("status", status)];
    fields.extend(extra);
    signed(what, "/tendlc_status/number_linking/", nonce, fields, (200, "accepted"))
}

fn unlink(what: &'static str, nonce: &'static str, number: &'static str, status: &'static str) -> Step {
    let fields = vec![("number", number), ("campaign_id", CAMPAIGN), ("status", status)];
    signed(what, "/tendlc_status/number_unlinking/", nonce, fields, (200, "accepted"))
}

/// The same content with a nonce of its own, as a retry may have.
fn again(step: &Step, what: &'static str) -> Step {
    signed(what, step.path, "1010", step.fields.clone(), (200, "duplicate"))
}

/// Somebody without the token.
fn forgery() -> Step {
    let fields = vec![("campaign_id", CAMPAIGN), ("brand_id", BRAND), ("status", "registered")];
    let mut step = signed(
        "a forgery, signed with a guessed token",
        "/tendlc_status/campaign/",
        "1011",
        fields,
        (403, "-"),
    );
    step.signature = sign("guessed", step.path, step.nonce);
    step
}

/// V2 does not sign the body: whoever saw one request can send any other body with its signature.
fn tampered(seen: &Step) -> Step {
    let fields = vec![("campaign_id", CAMPAIGN), ("brand_id", BRAND), ("status", "rejected")];
    let mut step = signed(
        "a replay of a seen signature with another body: set aside",
        seen.path,
        seen.nonce,
        fields,
        (200, "quarantined"),
    );
    step.signature.clone_from(&seen.signature);
    step
}

fn signed(
    what: &'static str,
    path: &'static str,
    nonce: &'static str,
    fields: Vec<(&'static str, &'static str)>,
    expected: (u16, &'static str),
) -> Step {
    Step { what, path, fields, nonce, signature: sign(AUTH_TOKEN, path, nonce), expected }
}

/// Empty where nothing can be signed, which the relay would refuse: the story's tests would show it.
fn sign(token: &str, path: &str, nonce: &str) -> String {
    let url = format!("{ORIGIN}{path}");
    let signed = Key::new(token).ok().zip(v2::signed_string(&url, nonce).ok());
    signed.map(|(key, signed)| key.sign(&signed)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_story_has_every_ending() {
        let story = story();
        for ending in [(200, "accepted"), (200, "duplicate"), (200, "quarantined"), (403, "-")] {
            assert!(story.iter().any(|step| step.expected == ending), "{ending:?}");
        }
        assert!(story.iter().all(|step| !step.signature.is_empty()));
    }
}
