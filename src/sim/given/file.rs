//! The file of `--world`.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use super::GivenError;
use crate::sim::accounts::AccountSpec;
use crate::sim::life::{Delays, Outcomes};
use crate::sim::rest::Canned;
use crate::sim::world::{Profile, SeedBrand, SeedCampaign};

/// What a file may say.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorldFile {
    /// Who may call.
    #[serde(rename = "account")]
    pub accounts: Vec<AccountSpec>,
    /// How requests end.
    pub outcomes: Outcomes,
    /// How long steps take.
    pub seconds: Seconds,
    /// Companies by the id that a request for a brand names.
    #[serde(rename = "profile")]
    pub profiles: Vec<Profile>,
    /// Brands that are there from the start.
    #[serde(rename = "brand")]
    pub brands: Vec<SeedBrand>,
    /// Campaigns, with their numbers.
    #[serde(rename = "campaign")]
    pub campaigns: Vec<SeedCampaign>,
    /// Answers given whatever is there.
    #[serde(rename = "answer")]
    pub answers: Vec<Canned>,
}

/// How long each step takes.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Seconds {
    /// From a request to its `created`.
    #[serde(deserialize_with = "seconds")]
    pub created: Duration,
    /// From `created` to a brand's end.
    #[serde(deserialize_with = "seconds")]
    pub brand: Duration,
    /// From `created` to a campaign's end.
    #[serde(deserialize_with = "seconds")]
    pub campaign: Duration,
    /// From `created` to the end of a link or unlink.
    #[serde(deserialize_with = "seconds")]
    pub number: Duration,
}

impl Default for Seconds {
    fn default() -> Self {
        let Delays { created, brand, campaign, number } = Delays::DEFAULT;
        Seconds { created, brand, campaign, number }
    }
}

/// The longest delay in seconds: a year is as good as never.
pub const LONGEST: f64 = 366.0 * 24.0 * 3600.0;

/// Seconds, whole or not.
pub fn span(seconds: f64) -> Result<Duration, String> {
    let wrong = || format!("{seconds} is not a number of seconds from 0 to a year");
    let bounded = Some(seconds).filter(|seconds| (0.0..=LONGEST).contains(seconds)).ok_or_else(wrong)?;
    Duration::try_from_secs_f64(bounded).map_err(|_| wrong())
}

fn seconds<'de, D: Deserializer<'de>>(value: D) -> Result<Duration, D::Error> {
    span(f64::deserialize(value)?).map_err(de::Error::custom)
}

impl WorldFile {
    pub(super) fn read(path: &Path) -> Result<Self, GivenError> {
        let name = path.display().to_string();
        let text =
            std::fs::read_to_string(path).map_err(|error| GivenError::Unreadable(name.clone(), error))?;
        toml::from_str(&text).map_err(|error: toml::de::Error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = 1 + before.matches('\n').count();
            GivenError::File(name, line, error.message().to_owned())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<WorldFile, toml::de::Error> {
        toml::from_str(text)
    }

    #[test]
    fn a_file_may_say_all_of_this() {
        let file = read(
            r#"
            [[account]]
            auth_id = "MAEXAMPLE00000000001"
            token = "t"
            [outcomes]
            brand_rate = 0.5
            fail_numbers = ["0000"]
            [seconds]
            created = 0
            campaign = 1.5
            [[profile]]
            profile_uuid = "p-1"
            company_name = "Acme Inc."
            address.city = "Berlin"
            [[brand]]
            brand_id = "B000001"
            registration_status = "FAILED"
            company_name = "Acme Inc."
            [[campaign]]
            campaign_id = "C000001"
            brand_id = "B000001"
            usecase = "MIXED"
            sample1 = "Hello"
            numbers = [{ number = "14155550100", status = "PROCESSING" }, { number = "14155550101" }]
            [[answer]]
            path = "Brand/B000009/"
            status = 502
            "#,
        )
        .unwrap();
        assert_eq!((file.brands.len(), file.campaigns.len(), file.answers.len()), (1, 1, 1));
        assert_eq!(file.profiles[0].company.address.city, "Berlin");
        assert_eq!(file.seconds.campaign, Duration::from_millis(1500));
        assert_eq!(file.seconds.brand, Delays::DEFAULT.brand, "what is not said stays");
        assert_eq!(file.outcomes.reject_word, "reject");
    }

    #[test]
    fn words_that_mean_nothing_are_refused() {
        for (slip, word) in [
            ("[[brand]]\nbrand_id = \"B1\"\ncompany = \"x\"", "company"),
            ("[[campaign]]\ncampaign_id = \"C1\"\nsample_1 = \"x\"", "sample_1"),
            ("[[profile]]\nprofile_uuid = \"p\"\nname = \"x\"", "name"),
            ("[outcomes]\nrate = 1", "rate"),
            ("[seconds]\nlinking = 1", "linking"),
            ("[seconds]\nbrand = -1", "seconds"),
            ("[seconds]\nbrand = nan", "seconds"),
            ("[[number]]\n", "number"),
        ] {
            let error = read(slip).unwrap_err().to_string();
            assert!(error.contains(word), "{slip}: {error}");
        }
    }
    #[test]
    fn no_token_of_a_file_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("world.toml");
        for (slip, line) in [
            ("token = 5383123", 3),
            ("token = [\"s3cret\"]", 3),
            ("token = \"s3cret", 3),
            ("token = s3cret", 3),
            ("tokn = \"s3cret\"", 3),
            ("s3cret", 3),
        ] {
            std::fs::write(&path, format!("[[account]]\nauth_id = \"MA1\"\n{slip}\n")).unwrap();
            let said = WorldFile::read(&path).unwrap_err().to_string();
            assert!(said.contains(&format!("world.toml, line {line}: ")), "{slip}: {said}");
            assert!(!said.contains("s3cret") && !said.contains("5383123"), "{slip}: {said}");
        }
    }
}
