//! The lives of brands, campaigns and numbers, as a list of notices for each.
//!
//! A life is written down in a TOML file, or goes on and on as a generated one does:
//!
//! ```toml
//! [[entities]]
//! kind = "brand"                 # brand, campaign or number
//! count = 10                     # so many of them; 1 without it
//! steps = ["created", "rejected", "created", "registered"]
//! pause = 60                     # seconds before each step but the first, times the time scale; 0 without it
//!
//! [[entities]]
//! kind = "number"
//! steps = ["linking.created", "linking.success", "unlinking.created", "unlinking.success"]
//! repeat_after = 600             # seconds, times the time scale, after which all of it happens once more
//! ```
//!
//! Each `created` begins a new API request, whose id goes along in every callback that answers it. A life that is
//! repeated has the same content again, request ids and all, as when a number is linked again after days: what comes
//! within the customer's window for duplicates is one for him.

mod life;
mod names;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

pub use life::{Kind, Life, Step};
pub use names::Names;

use crate::sim::notice::{Account, Method, Notice};

/// A scenario's file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    entities: Vec<Entities>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entities {
    kind: Kind,
    #[serde(default = "one")]
    count: u32,
    steps: Vec<String>,
    #[serde(default)]
    pause: f64,
    repeat_after: Option<f64>,
}

fn one() -> u32 {
    1
}

impl Scenario {
    /// The lives that a file tells of.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn read(path: &Path) -> Result<Vec<Life>, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Scenario::lives(&text).map_err(|error| format!("{}: {error}", path.display()))
    }

    fn lives(text: &str) -> Result<Vec<Life>, String> {
        let scenario: Scenario = toml::from_str(text).map_err(|error| error.to_string())?;
        let mut lives = Vec::new();
        for entities in &scenario.entities {
            let life = entities.life()?;
            lives.extend((0..entities.count).map(|_| life.clone()));
        }
        Ok(lives)
    }
}

impl Entities {
    fn life(&self) -> Result<Life, String> {
        let words: Vec<&str> = self.steps.iter().map(String::as_str).collect();
        let seconds = |name: &str, seconds: f64| {
            Duration::try_from_secs_f64(seconds).map_err(|error| format!("{name} = {seconds}: {error}"))
        };
        Ok(Life {
            kind: self.kind,
            steps: life::steps(self.kind, &words)?,
            pause: seconds("pause", self.pause)?,
            repeat_after: self.repeat_after.map(|after| seconds("repeat_after", after)).transpose()?,
        })
    }
}

/// Lives of brands, campaigns and numbers in turn, with so many callbacks in all.
pub fn generated(entities: u32, callbacks: u64) -> Vec<Life> {
    let entities = u64::from(entities.max(1)).min(callbacks.max(1));
    let share = |index: u64| callbacks / entities + u64::from(index < callbacks % entities);
    let kinds = [Kind::Brand, Kind::Campaign, Kind::Number].into_iter().cycle();
    (0..entities).zip(kinds).map(|(index, kind)| Life::generated(kind, share(index))).collect()
}

/// What is the same in all notices of a run.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Decides ids.
    pub seed: u64,
    /// Whose they are.
    pub account: Arc<Account>,
    /// Where they go; `{endpoint}` stands for the endpoint's word.
    pub url: String,
    /// How they are sent.
    pub method: Method,
}

/// One notice of a life, with what its turn has to wait for.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    /// The notice.
    pub notice: Notice,
    /// The id of the API request that it answers.
    pub request_id: String,
    /// What passes before it, after the one before.
    pub pause: Duration,
}

/// The notices of every life. They are numbered as if all lives went at the same pace.
pub fn turns(frame: &Frame, lives: &[Life]) -> Vec<Vec<Turn>> {
    let mut turns: Vec<Vec<Turn>> =
        lives.iter().zip(0..).map(|(life, index)| of_life(frame, life, index)).collect();
    let longest = turns.iter().map(Vec::len).max().unwrap_or(0);
    let mut number = 0;
    for place in 0..longest {
        for turn in turns.iter_mut().filter_map(|turns| turns.get_mut(place)) {
            number += 1;
            turn.notice.number = number;
        }
    }
    turns
}

fn of_life(frame: &Frame, life: &Life, index: u64) -> Vec<Turn> {
    let names = Names::of(frame.seed, index);
    let turn = |step: &Step| Turn {
        notice: Notice {
            number: 0,
            account: frame.account.clone(),
            endpoint: step.endpoint,
            status: step.status,
            brand_id: (life.kind != Kind::Number).then(|| names.brand.clone()),
            campaign_id: (life.kind != Kind::Brand).then(|| names.campaign.clone()),
            phone_number: (life.kind == Kind::Number).then(|| names.number.clone()),
            reason: (step.status == step.endpoint.bad()).then(|| names.reason(step.request)),
            url: frame.url.replace("{endpoint}", step.endpoint.word()),
            method: frame.method,
        },
        request_id: names.request(step.request),
        pause: life.pause,
    };
    let mut turns: Vec<Turn> = life.steps.iter().map(turn).collect();
    if let Some(first) = turns.first_mut() {
        first.pause = Duration::ZERO;
    }
    if let Some(after) = life.repeat_after {
        let mut again = turns.clone();
        if let Some(first) = again.first_mut() {
            first.pause = after;
        }
        turns.append(&mut again);
    }
    turns
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::sim::notice::{Endpoint, Status};
    use crate::sim::testing;

    fn frame(seed: u64) -> Frame {
        Frame {
            seed,
            account: testing::account(),
            url: "http://h/{endpoint}/".to_owned(),
            method: Method::Post,
        }
    }

    const FILE: &str = r#"
[[entities]]
kind = "brand"
count = 2
steps = ["created", "rejected", "created", "registered"]
pause = 1.5

[[entities]]
kind = "number"
steps = ["linking.created", "linking.failed", "unlinking.success"]
repeat_after = 600
"#;

    #[test]
    fn a_file_of_lives() {
        let turns = turns(&frame(1), &Scenario::lives(FILE).unwrap());
        assert_eq!(turns.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 6]);
        let brand = &turns[0];
        assert_eq!(brand[1].pause, Duration::from_millis(1500));
        assert!(brand[1].notice.reason.is_some() && brand[0].notice.reason.is_none());
        assert_eq!(brand[0].request_id, brand[1].request_id);
        assert_ne!(brand[1].request_id, brand[2].request_id);
        assert_ne!(brand[0].notice.brand_id, turns[1][0].notice.brand_id);
        let number = &turns[2];
        assert_eq!(number[2].notice.url, "http://h/number_unlinking/");
        assert_eq!((number[3].pause, number[0].pause), (Duration::from_secs(600), Duration::ZERO));
        let again = Notice { number: number[3].notice.number, ..number[0].notice.clone() };
        assert_eq!((&again, &number[0].request_id), (&number[3].notice, &number[3].request_id));
    }

    #[test]
    fn notices_are_numbered_from_1_without_gaps() {
        let turns = turns(&frame(1), &generated(7, 100));
        let mut numbers: Vec<u64> = turns.iter().flatten().map(|turn| turn.notice.number).collect();
        assert!(
            turns.iter().all(|turns| turns.windows(2).all(|two| two[0].notice.number < two[1].notice.number))
        );
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=100).collect::<Vec<u64>>());
    }

    #[test]
    fn generated_lives_never_say_the_same_twice() {
        let turns = turns(&frame(1), &generated(6, 120));
        let said: HashSet<_> = turns
            .iter()
            .flatten()
            .map(|turn| (turn.notice.entity(), turn.notice.endpoint, turn.notice.status, &turn.request_id))
            .collect();
        assert_eq!(said.len(), 120);
        let brand: Vec<Status> = turns[0].iter().take(4).map(|turn| turn.notice.status).collect();
        assert_eq!(brand, [Status::Created, Status::Rejected, Status::Created, Status::Registered]);
        let endpoints: HashSet<Endpoint> = turns.iter().flatten().map(|turn| turn.notice.endpoint).collect();
        assert_eq!(endpoints.len(), 4);
    }

    #[test]
    fn more_entities_than_callbacks_are_only_as_many() {
        assert_eq!(generated(50, 3).len(), 3);
        assert_eq!(generated(0, 3).len(), 1);
    }

    #[test]
    fn another_seed_has_other_ids() {
        let of = |seed| turns(&frame(seed), &generated(3, 3));
        assert_eq!(of(1), of(1));
        assert!(
            of(1).iter().zip(of(2)).all(|(one, other)| one[0].notice.entity() != other[0].notice.entity())
        );
    }

    #[test]
    fn slips_in_a_file_are_told() {
        for (text, told) in [
            ("", "entities"),
            ("[[entities]]\nkind = \"sender\"\nsteps = []", "campaign"),
            ("[[entities]]\nkind = \"brand\"\nsteps = [\"success\"]", "registered"),
            ("[[entities]]\nkind = \"number\"\nsteps = [\"created\"]", "linking.created"),
            ("[[entities]]\nkind = \"brand\"\nsteps = []", "steps"),
            ("[[entities]]\nkind = \"brand\"\nsteps = [\"created\"]\npause = -1", "pause"),
        ] {
            let error = Scenario::lives(text).unwrap_err();
            assert!(error.contains(told), "{told}: {error}");
        }
    }
}
