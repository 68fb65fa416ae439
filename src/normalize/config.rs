//! The `[normalize]` table.

use serde::{Deserialize, Serialize};

use super::names::{Field, Names, fold};

/// How callbacks are understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NormalizeConfig {
    /// The names under which Plivo's parameters come.
    pub aliases: AliasesConfig,
    /// Parameters that differ between the attempts of one callback: they do not count when contents are
    /// compared.
    pub ignore_fields: Vec<String>,
    /// The most parameters of a callback, those of query and body together. One with more is `unrecognized`.
    pub max_parameters: usize,
}

/// For each field the names that it may have, the likeliest first. Upper and lower case, blanks and
/// punctuation make no difference, and in nested JSON a name counts with or without its parents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AliasesConfig {
    /// The brand's id.
    pub brand_id: Vec<String>,
    /// The campaign's id.
    pub campaign_id: Vec<String>,
    /// The phone number, or a list of them.
    pub number: Vec<String>,
    /// The status.
    pub status: Vec<String>,
    /// Rejection or failure text or code; text before code.
    pub reason: Vec<String>,
    /// A word that says which endpoint the callback is about.
    pub endpoint: Vec<String>,
}

/// Why a `[normalize]` table was refused. The texts name the key below it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NormalizeConfigError {
    /// A name of which nothing is left to match.
    #[error(
        "{key}: {name:?} has neither a letter nor a digit: give a parameter's name, such as \"brand_id\""
    )]
    EmptyName {
        /// The key.
        key: &'static str,
        /// The name.
        name: String,
    },
    /// One name for two fields.
    #[error(
        "{key}: {name:?} already stands under aliases.{other}: a name can have one meaning only, remove one"
    )]
    TwoMeanings {
        /// The key.
        key: &'static str,
        /// The name.
        name: String,
        /// The other field.
        other: &'static str,
    },
    /// No parameter would be allowed.
    #[error(
        "max_parameters: 0 would leave every callback unrecognized: accepted are 1 and more, the default is 256"
    )]
    NoParameters,
}

impl NormalizeConfigError {
    /// A short word for it.
    pub const fn code(&self) -> &'static str {
        match self {
            NormalizeConfigError::EmptyName { .. } => "empty_name",
            NormalizeConfigError::TwoMeanings { .. } => "two_meanings",
            NormalizeConfigError::NoParameters => "no_parameters",
        }
    }
}

impl Default for NormalizeConfig {
    fn default() -> Self {
        NormalizeConfig { aliases: AliasesConfig::default(), ignore_fields: Vec::new(), max_parameters: 256 }
    }
}

impl Default for AliasesConfig {
    /// Absent on purpose, since a wrong reading is worse than none: `id` (of what?), `phone` and `state` (a
    /// brand's contact and address have them), and the ids of TCR, which are not Plivo's.
    fn default() -> Self {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        AliasesConfig {
            brand_id: list(&["brand_id", "brand_uuid"]),
            campaign_id: list(&["campaign_id", "campaign_uuid"]),
            number: list(&[
                "number",
                "phone_number",
                "linked_number",
                "unlinked_number",
                "numbers",
                "phone_numbers",
            ]),
            status: list(&[
                "status",
                "brand_status",
                "campaign_status",
                "number_status",
                "linking_status",
                "number_linking_status",
                "link_status",
                "unlinking_status",
                "number_unlinking_status",
                "unlink_status",
                "registration_status",
                "brand_registration_status",
                "campaign_registration_status",
                "request_status",
                "event_status",
            ]),
            reason: list(&[
                "reason",
                "rejection_reason",
                "rejected_reason",
                "reject_reason",
                "failure_reason",
                "failed_reason",
                "fail_reason",
                "status_reason",
                "reasons",
                "rejection_reasons",
                "failure_reasons",
                "error_message",
                "error_description",
                "error_reason",
                "error",
                "errors",
                "error_code",
                "reason_code",
                "rejection_code",
                "failure_code",
            ]),
            endpoint: list(&[
                "endpoint",
                "event",
                "event_type",
                "event_name",
                "type",
                "callback_type",
                "notification_type",
                "request_type",
                "entity_type",
                "entity",
                "object_type",
                "object",
                "resource_type",
                "resource",
                "action",
                "operation",
            ]),
        }
    }
}

impl NormalizeConfig {
    /// Refuses what cannot work.
    ///
    /// # Errors
    /// The first problem, naming its key below `[normalize]`.
    pub fn validate(&self) -> Result<(), NormalizeConfigError> {
        self.names().map(drop)
    }

    /// Every alias, checked.
    pub(super) fn names(&self) -> Result<Names, NormalizeConfigError> {
        if self.max_parameters == 0 {
            return Err(NormalizeConfigError::NoParameters);
        }
        if let Some(name) = self.ignore_fields.iter().find(|name| fold(name).is_empty()) {
            return Err(NormalizeConfigError::EmptyName { key: "ignore_fields", name: name.clone() });
        }
        let mut names = Names::default();
        for (key, field, aliases) in self.aliases.lists() {
            for (rank, alias) in aliases.iter().enumerate() {
                if fold(alias).is_empty() {
                    return Err(NormalizeConfigError::EmptyName { key, name: alias.clone() });
                }
                let meaning = names.insert(alias, field, rank);
                if meaning != field {
                    let other = word(meaning);
                    return Err(NormalizeConfigError::TwoMeanings { key, name: alias.clone(), other });
                }
            }
        }
        Ok(names)
    }
}

impl AliasesConfig {
    fn lists(&self) -> [(&'static str, Field, &[String]); 6] {
        [
            ("aliases.brand_id", Field::BrandId, &self.brand_id),
            ("aliases.campaign_id", Field::CampaignId, &self.campaign_id),
            ("aliases.number", Field::Number, &self.number),
            ("aliases.status", Field::Status, &self.status),
            ("aliases.reason", Field::Reason, &self.reason),
            ("aliases.endpoint", Field::Endpoint, &self.endpoint),
        ]
    }
}

const fn word(field: Field) -> &'static str {
    match field {
        Field::BrandId => "brand_id",
        Field::CampaignId => "campaign_id",
        Field::Number => "number",
        Field::Status => "status",
        Field::Reason => "reason",
        Field::Endpoint => "endpoint",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid() {
        NormalizeConfig::default().validate().unwrap();
    }

    #[test]
    fn impossible_values_are_refused_by_key() {
        let refused = |change: fn(&mut NormalizeConfig)| {
            let mut config = NormalizeConfig::default();
            change(&mut config);
            config.validate().unwrap_err().to_string()
        };
        assert!(refused(|config| config.max_parameters = 0).starts_with("max_parameters: 0"));
        assert!(
            refused(|config| config.ignore_fields = vec!["--".into()]).starts_with("ignore_fields: \"--\"")
        );
        assert!(
            refused(|config| config.aliases.status = vec![String::new()]).starts_with("aliases.status: \"\"")
        );
        let twice = refused(|config| config.aliases.reason.push("Brand-Status".into()));
        assert!(
            twice.starts_with("aliases.reason: \"Brand-Status\" already stands under aliases.status"),
            "{twice}"
        );
    }

    #[test]
    fn one_name_in_two_spellings_is_no_error() {
        let mut config = NormalizeConfig::default();
        config.aliases.brand_id.push("BrandID".into());
        config.validate().unwrap();
    }
}
