//! The words for endpoints and statuses, those of Plivo's callbacks page, and what a notice is about.

use crate::sim::notice::{Endpoint, Method, Notice, Status};

impl Endpoint {
    /// Every endpoint.
    pub const ALL: [Endpoint; 4] =
        [Endpoint::Brand, Endpoint::Campaign, Endpoint::NumberLinking, Endpoint::NumberUnlinking];

    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Endpoint::Brand => "brand",
            Endpoint::Campaign => "campaign",
            Endpoint::NumberLinking => "number_linking",
            Endpoint::NumberUnlinking => "number_unlinking",
        }
    }

    /// The endpoint of this word.
    pub fn of_word(word: &str) -> Option<Self> {
        Endpoint::ALL.into_iter().find(|endpoint| endpoint.word() == word)
    }

    /// Whether it is about a number.
    pub const fn is_of_number(self) -> bool {
        matches!(self, Endpoint::NumberLinking | Endpoint::NumberUnlinking)
    }

    /// The status that a customer waits for.
    pub const fn good(self) -> Status {
        if self.is_of_number() { Status::Success } else { Status::Registered }
    }

    /// The status that a customer fears.
    pub const fn bad(self) -> Status {
        if self.is_of_number() { Status::Failed } else { Status::Rejected }
    }
}

impl Status {
    /// Every status.
    pub const ALL: [Status; 5] =
        [Status::Created, Status::Registered, Status::Rejected, Status::Success, Status::Failed];

    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Status::Created => "created",
            Status::Registered => "registered",
            Status::Rejected => "rejected",
            Status::Success => "success",
            Status::Failed => "failed",
        }
    }

    /// The status of this word.
    pub fn of_word(word: &str) -> Option<Self> {
        Status::ALL.into_iter().find(|status| status.word() == word)
    }
}

impl Method {
    /// Its name on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
        }
    }
}

impl Notice {
    /// The id of the brand, campaign or number that it is about; empty where the notice has none.
    pub fn entity(&self) -> &str {
        let entity = match self.endpoint {
            Endpoint::Brand => &self.brand_id,
            Endpoint::Campaign => &self.campaign_id,
            Endpoint::NumberLinking | Endpoint::NumberUnlinking => &self.phone_number,
        };
        entity.as_deref().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_back() {
        for endpoint in Endpoint::ALL {
            assert_eq!(Endpoint::of_word(endpoint.word()), Some(endpoint));
        }
        for status in Status::ALL {
            assert_eq!(Status::of_word(status.word()), Some(status));
        }
        assert_eq!((Endpoint::of_word("number"), Status::of_word("")), (None, None));
    }
}
