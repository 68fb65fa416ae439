//! The lives of brands, campaigns and numbers, as notices for each, one after the other.
//!
//! A life is written down in a TOML file, as in `config/plivo-sim/scenario.toml`, or goes on and on as a generated one.
//!
//! Each `created` begins a new API request, whose id goes along in every callback that answers it. A life that is
//! repeated has the same content again, request ids and all, as when a number is linked again after days: what comes
//! within the customer's window for duplicates is one for him.

mod life;
mod lives;
mod names;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

pub use life::{Kind, Life, Step};
pub use lives::{Lives, MOST_CALLBACKS, MOST_ENTITIES};
pub use names::Names;

use crate::sim::given::{LONGEST, span};
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
    count: i64,
    steps: Vec<String>,
    #[serde(default)]
    pause: f64,
    repeat_after: Option<f64>,
}

fn one() -> i64 {
    1
}

impl Scenario {
    /// The lives that a file tells of.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn read(path: &Path) -> Result<Lives, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Scenario::lives(&text).map_err(|error| format!("{}: {error}", path.display()))
    }

    fn lives(text: &str) -> Result<Lives, String> {
        let scenario: Scenario = toml::from_str(text).map_err(|error| error.to_string())?;
        let mut lives = Vec::new();
        for (entities, number) in scenario.entities.iter().zip(1..) {
            let place = |error| format!("[[entities]] number {number}: {error}");
            lives.push((entities.life().map_err(place)?, entities.count().map_err(place)?));
        }
        Lives::of(lives)
    }
}

impl Entities {
    fn life(&self) -> Result<Life, String> {
        let words: Vec<&str> = self.steps.iter().map(String::as_str).collect();
        let seconds = |name: &str, seconds: f64| {
            let accepted =
                || format!("{name} = {seconds:?}: accepted are seconds from 0 to {LONGEST} (a year)");
            span(seconds).map_err(|_| accepted())
        };
        let steps = life::steps(self.kind, &words)?;
        let repeat_after = self.repeat_after.map(|after| seconds("repeat_after", after)).transpose()?;
        Ok(Life::told(self.kind, steps, seconds("pause", self.pause)?, repeat_after))
    }

    fn count(&self) -> Result<u64, String> {
        let count = u64::try_from(self.count).ok().filter(|count| (1..=MOST_ENTITIES).contains(count));
        count.ok_or_else(|| format!("count = {}: accepted is 1 to {MOST_ENTITIES}", self.count))
    }
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

/// All notices of a run.
#[derive(Debug, Clone)]
pub struct Script {
    /// What is the same in all of them.
    pub frame: Frame,
    /// Whose lives they tell of.
    pub lives: Lives,
}

impl Script {
    /// The notices of an entity, each made when it is asked for.
    pub fn turns(self: &Arc<Self>, entity: u64) -> impl Iterator<Item = Turn> + Send + use<> {
        let (script, names) = (Arc::clone(self), Names::of(self.frame.seed, entity));
        (0..).map_while(move |turn| script.turn(&names, entity, turn))
    }

    fn turn(&self, names: &Names, entity: u64, turn: u64) -> Option<Turn> {
        let life = self.lives.life(entity)?;
        let (step, pause) = life.turn(turn)?;
        let notice = Notice {
            number: self.lives.number(entity, turn)?,
            account: self.frame.account.clone(),
            endpoint: step.endpoint,
            status: step.status,
            brand_id: (life.kind != Kind::Number).then(|| names.brand.clone()),
            campaign_id: (life.kind != Kind::Brand).then(|| names.campaign.clone()),
            phone_number: (life.kind == Kind::Number).then(|| names.number.clone()),
            reason: (step.status == step.endpoint.bad()).then(|| names.reason(step.request)),
            url: self.frame.url.replace("{endpoint}", step.endpoint.word()),
            method: self.frame.method,
        };
        Some(Turn { notice, request_id: names.request(step.request), pause })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::sim::notice::{Endpoint, Status};
    use crate::sim::testing;

    /// Every notice of every life.
    fn turns(seed: u64, lives: Lives) -> Vec<Vec<Turn>> {
        let (account, url) = (testing::account(), "http://h/{endpoint}/".to_owned());
        let frame = Frame { seed, account, url, method: Method::Post };
        let script = Arc::new(Script { frame, lives });
        (0..script.lives.entities()).map(|entity| script.turns(entity).collect()).collect()
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
        let turns = turns(1, Scenario::lives(FILE).unwrap());
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
        let uneven = Scenario::lives(FILE).unwrap();
        for (lives, count) in [(Lives::generated(7, 100), 100), (Lives::generated(9, 9), 9), (uneven, 14)] {
            let turns = turns(1, lives);
            let number = |turn: &Turn| turn.notice.number;
            assert!(turns.iter().all(|turns| turns.is_sorted_by_key(number)));
            let mut numbers: Vec<u64> = turns.iter().flatten().map(number).collect();
            numbers.sort_unstable();
            assert_eq!(numbers, (1..=count).collect::<Vec<u64>>());
        }
    }

    /// What a seed sends is written down in reports.
    #[test]
    fn all_lives_go_at_the_same_pace() {
        let turns = turns(1, Scenario::lives(FILE).unwrap());
        let numbers = |life: &Vec<Turn>| life.iter().map(|turn| turn.notice.number).collect::<Vec<_>>();
        let expected: [&[u64]; 3] = [&[1, 4, 7, 10], &[2, 5, 8, 11], &[3, 6, 9, 12, 13, 14]];
        assert_eq!(turns.iter().map(numbers).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn generated_lives_never_say_the_same_twice() {
        let turns = turns(1, Lives::generated(6, 120));
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
        assert_eq!(Lives::generated(50, 3).entities(), 3);
        assert_eq!(Lives::generated(0, 3).entities(), 1);
    }

    #[test]
    fn another_seed_has_other_ids() {
        let of = |seed| turns(seed, Lives::generated(3, 3));
        assert_eq!(of(1), of(1));
        assert!(
            of(1).iter().zip(of(2)).all(|(one, other)| one[0].notice.entity() != other[0].notice.entity())
        );
    }

    #[test]
    fn slips_in_a_file_are_told() {
        let most = "[[entities]]\nkind = \"brand\"\nsteps = [\"created\"]\ncount = 10000000\n";
        let too_many = most.repeat(2);
        for (text, told) in [
            ("", "entities"),
            ("[[entities]]\nkind = \"sender\"\nsteps = []", "campaign"),
            ("[[entities]]\nkind = \"brand\"\nsteps = [\"success\"]", "registered"),
            ("[[entities]]\nkind = \"number\"\nsteps = [\"created\"]", "linking.created"),
            ("[[entities]]\nkind = \"brand\"\nsteps = []", "steps"),
            (
                "[[entities]]\nkind = \"brand\"\nsteps = [\"created\"]\npause = -1",
                "number 1: pause = -1.0: accepted",
            ),
            (
                "[[entities]]\nkind = \"brand\"\nsteps = [\"created\"]\npause = 1e300",
                "seconds from 0 to 31622400",
            ),
            ("[[entities]]\nkind = \"brand\"\nsteps = [\"created\"]\npause = inf", "from 0 to"),
            (
                "[[entities]]\nkind = \"brand\"\nsteps = [\"created\"]\nrepeat_after = nan",
                "repeat_after = NaN",
            ),
            (
                "[[entities]]\nkind = \"brand\"\nsteps = [\"created\"]\ncount = 0",
                "count = 0: accepted is 1 to 10000000",
            ),
            ("[[entities]]\nkind = \"brand\"\nsteps = [\"created\"]\ncount = 10000001", "count = 10000001"),
            (&too_many, "20000000 entities in all"),
        ] {
            let error = Scenario::lives(text).unwrap_err();
            assert!(error.contains(told), "{told}: {error}");
        }
    }
}
