//! What a callback tells of: what was sent, or what an event says was received.

use serde::{Deserialize, Serialize};

/// As much of a text as is compared: whoever takes a callback may bound what it keeps of one.
const COMPARED: usize = 200;

/// What a callback tells of, in the words of Plivo's callbacks page; what it does not tell is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meaning {
    /// The endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The brand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brand_id: Option<String>,
    /// The campaign.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign_id: Option<String>,
    /// The phone number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// The beginning of why it was rejected or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Meaning {
    /// The id of what it is about, where that is of this endpoint.
    pub fn entity(&self, endpoint: &str) -> Option<&str> {
        let entity = match endpoint {
            "brand" => &self.brand_id,
            "campaign" => &self.campaign_id,
            _ => &self.number,
        };
        entity.as_deref()
    }
}

/// The beginning of a text, without blanks around it.
pub fn beginning(text: &str) -> String {
    text.trim().chars().take(COMPARED).collect()
}

/// Whether `read` is the E.164 form, with its `+`, of the number that was sent. What is no number of the North American
/// plan and came without a `+` may have stayed as it was.
pub fn is_same_number(sent: &str, read: &str) -> bool {
    let digits: String = sent.chars().filter(char::is_ascii_digit).collect();
    let american = match digits.len() {
        10 if !sent.trim_start().starts_with('+') => Some(format!("+1{digits}")),
        11 if digits.starts_with('1') => Some(format!("+{digits}")),
        _ => None,
    };
    match american {
        Some(number) => read == number,
        None => read == format!("+{digits}") || read == sent.trim(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_the_same_in_e164_alone() {
        for (sent, read, same) in [
            ("+14155550100", "+14155550100", true),
            ("14155550100", "+14155550100", true),
            ("14155550100", "14155550100", false),
            ("(415) 555-0100", "+14155550100", true),
            ("+442071838750", "+442071838750", true),
            ("442071838750", "442071838750", true),
            ("14155550100", "+14155550101", false),
            ("442071838750", "+442071838751", false),
        ] {
            assert_eq!(is_same_number(sent, read), same, "{sent} {read}");
        }
    }

    #[test]
    fn of_a_long_text_the_beginning_counts() {
        assert_eq!(beginning("  no "), "no");
        assert_eq!(beginning(&"ä".repeat(1000)).chars().count(), COMPARED);
    }
}
