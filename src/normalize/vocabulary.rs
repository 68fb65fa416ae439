//! Plivo's words for statuses and endpoints: those of the callbacks page's table, of its captions, and of the
//! REST API. One table for all of them.

use super::names::fold;
use crate::event::{Endpoint, Status};

/// The outcome that a word tells, whichever endpoint it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Waiting,
    Bad,
    Good,
}
use Outcome::{Bad, Good, Waiting};

const ALL: &[Endpoint] = &Endpoint::ALL;
const REGISTRY: &[Endpoint] = &[Endpoint::Brand, Endpoint::Campaign];
const LINKING: &[Endpoint] = &[Endpoint::NumberLinking];
const UNLINKING: &[Endpoint] = &[Endpoint::NumberUnlinking];
const USABLE: &[Endpoint] = &[Endpoint::Brand, Endpoint::Campaign, Endpoint::NumberLinking];

/// Every word, folded, and the endpoints for which it means that.
const WORDS: &[(&str, Outcome, &[Endpoint])] = &[
    // The callbacks page's table.
    ("created", Waiting, ALL),
    ("rejected", Bad, ALL),
    ("registered", Good, USABLE),
    ("failed", Bad, ALL),
    ("success", Good, ALL),
    // The REST API. An expired campaign cannot be used any more; `provider_status` says why.
    ("processing", Waiting, ALL),
    ("completed", Good, ALL),
    ("active", Good, USABLE),
    ("expired", Bad, REGISTRY),
    // Near at hand.
    ("pending", Waiting, ALL),
    ("submitted", Waiting, ALL),
    ("requested", Waiting, ALL),
    ("received", Waiting, ALL),
    ("queued", Waiting, ALL),
    ("initiated", Waiting, ALL),
    ("inprogress", Waiting, ALL),
    ("inreview", Waiting, ALL),
    ("underreview", Waiting, ALL),
    ("successful", Good, ALL),
    ("succeeded", Good, ALL),
    ("approved", Good, ALL),
    ("linked", Good, LINKING),
    ("unlinked", Good, UNLINKING),
    ("failure", Bad, ALL),
    ("unsuccessful", Bad, ALL),
    ("declined", Bad, ALL),
    ("denied", Bad, ALL),
];

/// Words around a status in captions such as "Brand failed" or `NUMBER_LINKING.SUCCESS`; a longer one first.
const AROUND: &[&str] = &[
    "registration",
    "unlinking",
    "callback",
    "campaign",
    "numbers",
    "linking",
    "request",
    "unlink",
    "number",
    "status",
    "update",
    "10dlc",
    "brand",
    "plivo",
    "event",
    "link",
    "has",
    "been",
    "was",
    "is",
];

/// Longer texts are prose, not a status.
const LONGEST: usize = 96;

/// The status that `text` says of `endpoint`; `Unknown` for a value outside the table.
pub fn status(endpoint: Endpoint, text: &str) -> Status {
    let outcome = known_word(text, |_, endpoints| endpoints.contains(&endpoint));
    match (outcome, endpoint) {
        (None, _) => Status::Unknown,
        (Some(Waiting), _) => Status::Created,
        (Some(Bad), Endpoint::Brand | Endpoint::Campaign) => Status::Rejected,
        (Some(Good), Endpoint::Brand | Endpoint::Campaign) => Status::Registered,
        (Some(Bad), _) => Status::Failed,
        (Some(Good), _) => Status::Success,
    }
}

/// Whether `text` is one of the callbacks page's words for brands and campaigns alone.
pub fn is_of_registry(text: &str) -> bool {
    known_word(text, |word, _| matches!(word, "rejected" | "registered")).is_some()
}

fn known_word(text: &str, accept: impl Fn(&str, &[Endpoint]) -> bool) -> Option<Outcome> {
    if text.len() > LONGEST {
        return None;
    }
    let folded = fold(text);
    let mut rest = folded.as_str();
    while !rest.is_empty() {
        let found = WORDS.iter().find(|(word, _, endpoints)| *word == rest && accept(word, endpoints));
        if let Some((_, outcome, _)) = found {
            return Some(*outcome);
        }
        let before = AROUND.iter().find_map(|word| rest.strip_prefix(word));
        rest = before.or_else(|| AROUND.iter().find_map(|word| rest.strip_suffix(word)))?;
    }
    None
}

/// What a name or a word is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// An endpoint.
    Of(Endpoint),
    /// A number, but it does not say whether linked or unlinked.
    Number,
}

/// What `folded` is about, the most special word first: `campaign.number_unlinked` is about unlinking.
pub fn topic(folded: &str) -> Option<Topic> {
    const TOPICS: [(&str, Topic); 6] = [
        ("unlink", Topic::Of(Endpoint::NumberUnlinking)),
        ("delink", Topic::Of(Endpoint::NumberUnlinking)),
        ("link", Topic::Of(Endpoint::NumberLinking)),
        ("campaign", Topic::Of(Endpoint::Campaign)),
        ("brand", Topic::Of(Endpoint::Brand)),
        ("number", Topic::Number),
    ];
    TOPICS.into_iter().find(|(word, _)| folded.contains(word)).map(|(_, topic)| topic)
}

/// What a value such as `BrandStatus`, `number.linked` or `Campaign registered` is about.
pub fn topic_of_value(value: &str) -> Option<Topic> {
    if value.len() > LONGEST { None } else { topic(&fold(value)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BRAND: Endpoint = Endpoint::Brand;
    const CAMPAIGN: Endpoint = Endpoint::Campaign;
    const LINK: Endpoint = Endpoint::NumberLinking;
    const UNLINK: Endpoint = Endpoint::NumberUnlinking;

    #[test]
    fn the_documented_words_mean_themselves() {
        for endpoint in Endpoint::ALL {
            for documented in endpoint.statuses() {
                assert_eq!(status(endpoint, documented.as_str()), documented, "{endpoint}");
                assert_eq!(status(endpoint, &documented.as_str().to_uppercase()), documented, "{endpoint}");
            }
        }
    }

    #[test]
    fn every_vocabulary() {
        let cases = [
            (BRAND, "COMPLETED", Status::Registered),
            (BRAND, "PROCESSING", Status::Created),
            (BRAND, "FAILED", Status::Rejected),
            (BRAND, "Brand failed", Status::Rejected),
            (BRAND, "brand.registered", Status::Registered),
            (BRAND, "BrandRegistrationFailed", Status::Rejected),
            (BRAND, "success", Status::Registered),
            (CAMPAIGN, "ACTIVE", Status::Registered),
            (CAMPAIGN, "EXPIRED", Status::Rejected),
            (CAMPAIGN, "Campaign failed", Status::Rejected),
            (CAMPAIGN, "Campaign registered", Status::Registered),
            (CAMPAIGN, "in-review", Status::Created),
            (LINK, "COMPLETED", Status::Success),
            (LINK, "FAILED", Status::Failed),
            (LINK, "NUMBER_LINKING.SUCCESS", Status::Success),
            (LINK, "linked", Status::Success),
            (LINK, "Number link request was rejected", Status::Failed),
            (UNLINK, "Unlinked", Status::Success),
            (UNLINK, "number unlinking failed", Status::Failed),
            (UNLINK, "linked", Status::Unknown),
            (UNLINK, "ACTIVE", Status::Unknown),
            (LINK, "expired", Status::Unknown),
            (BRAND, "not registered", Status::Unknown),
            (BRAND, "on hold", Status::Unknown),
            (BRAND, "", Status::Unknown),
            (BRAND, "brand status", Status::Unknown),
        ];
        for (endpoint, text, expected) in cases {
            assert_eq!(status(endpoint, text), expected, "{endpoint}: {text:?}");
        }
    }

    #[test]
    fn no_word_stands_twice() {
        let mut words: Vec<&str> = WORDS.iter().map(|(word, ..)| *word).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), WORDS.len());
        assert!(words.iter().all(|word| fold(word) == *word));
    }

    #[test]
    fn topics() {
        let cases = [
            ("brand", Some(Topic::Of(BRAND))),
            ("CampaignStatusUpdate", Some(Topic::Of(CAMPAIGN))),
            ("campaign.number_linked", Some(Topic::Of(LINK))),
            ("NUMBER_UNLINKING", Some(Topic::Of(UNLINK))),
            ("unlink", Some(Topic::Of(UNLINK))),
            ("number", Some(Topic::Number)),
            ("STARTER", None),
        ];
        for (value, expected) in cases {
            assert_eq!(topic_of_value(value), expected, "{value}");
        }
        assert_eq!(topic_of_value(&"brand ".repeat(99)), None, "prose is no topic");
    }
}
