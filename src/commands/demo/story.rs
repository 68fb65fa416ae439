//! The story that the demo tells: one company's way to its first 10DLC text, and what can go wrong on it.
//!
//! Its callbacks are those of the simulator: what it would owe for the requests of the story, and what somebody else makes
//! of them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;

use crate::sim::content::FORM;
use crate::sim::courier::{Courier, Errand, Payload, Sending, Signing};
use crate::sim::ledger::Label;
use crate::sim::notice::{Account, Endpoint, Method, Notice, Status};
use crate::sim::profile::{Format, Profile};

/// The account of the demo. Its token exists nowhere but here.
pub(super) const ACCOUNT: &str = "demo";
pub(super) const AUTH_ID: &str = "MADEMO0000000000TEST";
pub(super) const AUTH_TOKEN: &str = "not-a-real-token-but-signed-like-one";
/// What Plivo would have been given as the callback URL's origin.
pub(super) const ORIGIN: &str = "https://relay.example.com";

/// What the story calls the callbacks' parameters: each endpoint has its path, so that none has to be named.
const FIELDS: &str = r#"
[fields]
brand_id = "brand_id"
campaign_id = "campaign_id"
number = "number"
status = "status"
reason = "reason"
"#;

const BRAND: &str = "BDEMO01";
/// The campaign that is rejected, and the one that takes its place.
const FIRST_TRY: &str = "CDEMO01";
const CAMPAIGN: &str = "CDEMO02";
const NUMBER: &str = "+14155550101";
const OTHER_NUMBER: &str = "+14155550102";

/// One request of the story.
pub(super) struct Step {
    /// What happens, for the reader.
    pub(super) what: &'static str,
    /// What is sent, and how it is signed.
    pub(super) errand: Errand,
    /// The code and the `status` of the answer that this must get, `-` where there is none.
    pub(super) expected: (u16, &'static str),
}

impl Step {
    /// Whether it becomes an event on a topic.
    pub(super) fn publishes(&self) -> bool {
        self.expected == (200, "accepted")
    }

    /// The path under the origin, which is what Plivo signs.
    pub(super) fn path(&self) -> &str {
        self.errand.payload.url.trim_start_matches(ORIGIN)
    }

    /// The parameters as they are sent, what they are about first.
    pub(super) fn fields(&self) -> Vec<(String, String)> {
        let mut fields: Vec<_> = form_urlencoded::parse(&self.errand.payload.body).into_owned().collect();
        fields.sort_by_key(|(_, value)| value != self.errand.notice.entity());
        fields
    }
}

/// The whole story, in order.
///
/// # Errors
/// When its own names of parameters cannot be read.
pub(super) fn story(courier: &Courier) -> anyhow::Result<Vec<Step>> {
    use Endpoint::{Brand, Campaign, NumberLinking, NumberUnlinking};
    use Status::{Created, Failed, Registered, Rejected, Success};
    let teller = Teller::new()?;
    let chapters = [
        ("the brand is handed to the registry", Brand, Created, BRAND, None),
        ("the registry takes the brand", Brand, Registered, BRAND, None),
        ("a campaign is created", Campaign, Created, FIRST_TRY, None),
        (
            "the campaign is rejected: the one callback that nobody may miss",
            Campaign,
            Rejected,
            FIRST_TRY,
            Some("Opt-in description is missing a link to the privacy policy"),
        ),
        ("with its reason mended it is created anew", Campaign, Created, CAMPAIGN, None),
        ("and registered", Campaign, Registered, CAMPAIGN, None),
        ("a first number is linked", NumberLinking, Success, NUMBER, None),
        (
            "a second one fails",
            NumberLinking,
            Failed,
            OTHER_NUMBER,
            Some("Number belongs to another campaign"),
        ),
        ("the first number is unlinked", NumberUnlinking, Success, NUMBER, None),
    ];
    let mut steps: Vec<Step> = (1..)
        .zip(chapters)
        .map(|(number, (what, endpoint, status, entity, reason))| {
            let notice = teller.notice(number, endpoint, status, entity, reason);
            Step { what, errand: teller.errand(notice), expected: (200, "accepted") }
        })
        .collect();
    steps.push(again(&steps[3]));
    steps.push(forgery(&teller, 11));
    steps.push(tampered(&teller, 12, &steps[5], courier));
    steps.push(unheard_of(&teller, 13));
    Ok(steps)
}

/// The same content with a nonce of its own, as a retry may have.
fn again(step: &Step) -> Step {
    Step {
        what: "Plivo did not see our answer and retries the rejection: no second event",
        errand: Errand { copy: 1, ..step.errand.clone() },
        expected: (200, "duplicate"),
    }
}

/// Somebody without the token.
fn forgery(teller: &Teller, number: u64) -> Step {
    let notice = teller.notice(number, Endpoint::Campaign, Status::Registered, CAMPAIGN, None);
    let errand = Errand { signing: Signing::WrongToken, label: Label::ForgedToken, ..teller.errand(notice) };
    Step { what: "a forgery, signed with a guessed token", errand, expected: (403, "-") }
}

/// V2 does not sign the body: whoever saw one request can send any other body with its signature.
fn tampered(teller: &Teller, number: u64, seen: &Step, courier: &Courier) -> Step {
    let notice = teller.notice(number, Endpoint::Campaign, Status::Rejected, CAMPAIGN, None);
    let signing = Signing::Captured(courier.signatures(&seen.errand, 0));
    Step {
        what: "a replay of a seen signature with another body: set aside",
        errand: Errand { signing, label: Label::Tampered, ..teller.errand(notice) },
        expected: (200, "quarantined"),
    }
}

fn unheard_of(teller: &Teller, number: u64) -> Step {
    let notice = teller.notice(number, Endpoint::Brand, Status::Created, BRAND, None);
    let payload = Payload {
        method: Method::Post,
        url: format!("{ORIGIN}/tendlc_status/"),
        content_type: Some(FORM),
        body: b"surprise=a+field+of+next+year&shade=blue".to_vec(),
        signed: Vec::new(),
    };
    Step {
        what: "a genuine callback with fields that nobody documented: kept, not dropped",
        errand: Errand { said: payload.said(), payload, ..teller.errand(notice) },
        expected: (200, "accepted"),
    }
}

/// Whose story it is, and in which words it is told.
struct Teller {
    account: Arc<Account>,
    profile: Profile,
}

impl Teller {
    fn new() -> anyhow::Result<Self> {
        let account = Account { auth_id: AUTH_ID.to_owned(), token: AUTH_TOKEN.to_owned(), main: None };
        let profile = Profile::read(FIELDS).map_err(anyhow::Error::msg).context("the demo's own profile")?;
        Ok(Teller { account: Arc::new(account), profile })
    }

    fn notice(
        &self,
        number: u64,
        endpoint: Endpoint,
        status: Status,
        entity: &str,
        reason: Option<&str>,
    ) -> Notice {
        let campaign = if endpoint.is_of_number() { CAMPAIGN } else { entity };
        Notice {
            number,
            account: Arc::clone(&self.account),
            endpoint,
            status,
            brand_id: (!endpoint.is_of_number()).then(|| BRAND.to_owned()),
            campaign_id: (endpoint != Endpoint::Brand).then(|| campaign.to_owned()),
            phone_number: endpoint.is_of_number().then(|| entity.to_owned()),
            reason: reason.map(str::to_owned),
            url: format!("{ORIGIN}/tendlc_status/{}/", endpoint.word()),
            method: Method::Post,
        }
    }

    /// One attempt, signed as Plivo does.
    fn errand(&self, notice: Notice) -> Errand {
        let payload = Payload::of(&self.profile, Format::Form, &notice, None, &[]);
        Errand {
            means: self.profile.meaning(&notice),
            notice: Arc::new(notice),
            copy: 0,
            label: Label::Genuine,
            said: payload.said(),
            payload,
            signing: Signing::Own,
            sending: Sending::Whole,
            delay: Duration::ZERO,
            attempts: 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn story() -> Vec<Step> {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
        super::story(&super::super::courier(nowhere).unwrap()).unwrap()
    }

    #[test]
    fn the_story_has_every_ending() {
        let story = story();
        for ending in [(200, "accepted"), (200, "duplicate"), (200, "quarantined"), (403, "-")] {
            assert!(story.iter().any(|step| step.expected == ending), "{ending:?}");
        }
    }

    #[test]
    fn what_it_tells_is_what_it_sends() {
        let story = story();
        let told = |step: &Step| {
            let fields: Vec<String> =
                step.fields().into_iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("{} {}", step.path(), fields.join(" "))
        };
        assert_eq!(
            told(&story[7]),
            "/tendlc_status/number_linking/ number=+14155550102 campaign_id=CDEMO02 status=failed \
             reason=Number belongs to another campaign"
        );
        assert_eq!(
            told(&story[11]),
            "/tendlc_status/campaign/ campaign_id=CDEMO02 brand_id=BDEMO01 status=rejected"
        );
        assert_eq!(told(&story[12]), "/tendlc_status/ surprise=a field of next year shade=blue");
    }
}
