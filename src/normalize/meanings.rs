//! What each endpoint and status means, and what to do about it: Plivo's documentation in our own words.

use crate::event::{Endpoint, Status};

/// One pair of endpoint and status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meaning {
    /// What it says.
    pub meaning: &'static str,
    /// What to do, where there is something to do.
    pub next_step: Option<&'static str>,
}

/// The meaning of a status; `None` for an endpoint is an unrecognized callback.
pub const fn meaning(endpoint: Option<Endpoint>, status: Status) -> Meaning {
    let Some(endpoint) = endpoint else { return UNRECOGNIZED };
    match (endpoint, status) {
        (Endpoint::Brand, Status::Created) => {
            waits("The brand was handed to The Campaign Registry (TCR) and waits for its verdict.")
        }
        (Endpoint::Brand, Status::Rejected) => asks(
            "TCR turned the brand down.",
            "Read the reason, correct the company's legal name, tax number, address or website, and \
             register the brand again; where no reason is given, ask Plivo's support for it.",
        ),
        (Endpoint::Brand, Status::Registered) => {
            waits("TCR registered the brand: campaigns can now be created with it.")
        }
        (Endpoint::Campaign, Status::Created) => {
            waits("The campaign was handed to The Campaign Registry (TCR) and waits for its verdict.")
        }
        (Endpoint::Campaign, Status::Rejected) => asks(
            "TCR turned the campaign down, or ended it.",
            "Read the reason, correct the description, the sample texts, the opt-in or the use case, \
             and create the campaign again; where no reason is given, ask Plivo's support for it.",
        ),
        (Endpoint::Campaign, Status::Registered) => {
            waits("TCR registered the campaign: numbers can now be linked to it.")
        }
        (Endpoint::NumberLinking, Status::Created) => {
            waits("The request to link the number to its campaign was taken and is being carried out.")
        }
        (Endpoint::NumberLinking, Status::Failed) => asks(
            "The number could not be linked to its campaign.",
            "Send the link request again; when it fails again, see that the campaign is registered and \
             that no other campaign holds the number, then ask Plivo's support.",
        ),
        (Endpoint::NumberLinking, Status::Success) => {
            waits("The number is linked to its campaign and can send 10DLC traffic.")
        }
        (Endpoint::NumberUnlinking, Status::Created) => {
            waits("The request to unlink the number from its campaign was taken and is being carried out.")
        }
        (Endpoint::NumberUnlinking, Status::Failed) => asks(
            "The number could not be unlinked and still belongs to its campaign.",
            "Send the unlink request again; when it fails again, ask Plivo's support.",
        ),
        (Endpoint::NumberUnlinking, Status::Success) => waits(
            "The number is unlinked: it can no longer send 10DLC traffic, and can be linked to another \
             campaign.",
        ),
        _ => UNKNOWN,
    }
}

const UNKNOWN: Meaning = asks(
    "Plivo sent a status outside the documented ones; `provider_status` has it as received.",
    "Look the entity up in Plivo's console or API, and treat the status as no change until then.",
);

const UNRECOGNIZED: Meaning = asks(
    "The callback is genuine but could not be placed: `unrecognized` says why.",
    "Look at `raw`, add the parameter's name to the aliases in the configuration, or give Plivo \
     the URL of the endpoint's own path, and normalize the record again.",
);

const fn waits(meaning: &'static str) -> Meaning {
    Meaning { meaning, next_step: None }
}

const fn asks(meaning: &'static str, next_step: &'static str) -> Meaning {
    Meaning { meaning, next_step: Some(next_step) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_pair_has_a_meaning_of_its_own() {
        let mut seen = std::collections::HashSet::new();
        for endpoint in Endpoint::ALL {
            for status in endpoint.statuses() {
                let found = meaning(Some(endpoint), status);
                assert_ne!(found, UNKNOWN, "{endpoint} {status}");
                assert!(seen.insert(found.meaning), "{endpoint} {status}");
                let bad = matches!(status, Status::Rejected | Status::Failed);
                assert_eq!(found.next_step.is_some(), bad, "{endpoint} {status}");
            }
            assert_eq!(meaning(Some(endpoint), Status::Unknown), UNKNOWN);
        }
        assert_eq!(meaning(Some(Endpoint::Brand), Status::Success), UNKNOWN);
    }
}
