//! Random stories, against a plain model in memory.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Act {
    Send {
        content: u8,
        signatures: Vec<u8>,
    },
    Wait(i64),
    Restart {
        crash: bool,
    },
    /// Into another spool, so many lines at a time, and once more.
    Move {
        lines: usize,
    },
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => (0_u8..4, prop::collection::vec(0_u8..12, 0..3))
            .prop_map(|(content, signatures)| Act::Send { content, signatures }),
        2 => (0_i64..600_000).prop_map(Act::Wait),
        1 => any::<bool>().prop_map(|crash| Act::Restart { crash }),
        1 => (1_usize..9).prop_map(|lines| Act::Move { lines }),
    ]
}

/// The rules, once more and in other words.
#[derive(Default)]
struct Model {
    ledger: HashMap<u8, (u8, u32)>,
    contents: HashMap<u8, (u32, i64)>,
    records: Vec<EventId>,
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Accepted(u64),
    Duplicate(EventId, bool),
    Quarantined(EventId),
}

impl Model {
    fn send(&mut self, content: u8, signatures: &[u8], now: i64) -> Answer {
        let id = |content: u8, occurrence| EventId::new(&hash(&content.to_string()), occurrence);
        let known: Vec<_> = signatures.iter().filter_map(|one| self.ledger.get(one).copied()).collect();
        let (bound, answer) = if let Some(other) = known.iter().find(|known| known.0 != content) {
            (*other, Answer::Quarantined(id(other.0, other.1)))
        } else if let Some(same) = known.first() {
            (*same, Answer::Duplicate(id(same.0, same.1), false))
        } else {
            match self.contents.get(&content).copied() {
                Some((occurrence, at)) if now - at < 480_000 => {
                    ((content, occurrence), Answer::Duplicate(id(content, occurrence), true))
                }
                seen => {
                    let occurrence = seen.map_or(0, |(occurrence, _)| occurrence + 1);
                    self.contents.insert(content, (occurrence, now));
                    self.records.push(id(content, occurrence));
                    ((content, occurrence), Answer::Accepted(self.records.len() as u64))
                }
            }
        };
        for signature in signatures {
            self.ledger.entry(*signature).or_insert(bound);
        }
        answer
    }
}

fn answer(outcome: Outcome) -> Answer {
    match outcome {
        Outcome::Accepted { sequence, .. } => Answer::Accepted(sequence),
        Outcome::Duplicate { id, held, .. } => Answer::Duplicate(id, held),
        Outcome::Quarantined { id, .. } => Answer::Quarantined(id),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn agrees_with_the_model(acts in prop::collection::vec(act(), 1..40)) {
        let mut bench = Bench::new();
        let mut spool = bench.open(&[lane("a")]);
        let mut model = Model::default();
        for act in acts {
            match act {
                Act::Wait(millis) => bench.pass(millis),
                Act::Restart { crash } => {
                    if crash {
                        bench = bench.crashed();
                    } else {
                        spool.close_blocking();
                    }
                    spool = bench.open(&[lane("a")]);
                }
                Act::Move { lines } => {
                    let file = exchange::exported(&bench);
                    let next = Bench { now: bench.now.clone(), ..Bench::new() };
                    let other = next.open(&[lane("a")]);
                    for _ in 0..2 {
                        for part in exchange::lines(&file).chunks(lines) {
                            exchange::import(&other, part.to_vec());
                        }
                    }
                    (bench, spool) = (next, other);
                }
                Act::Send { content, signatures } => {
                    let names: Vec<String> = signatures.iter().map(u8::to_string).collect();
                    let names: Vec<&str> = names.iter().map(String::as_str).collect();
                    let sent = callback("B1", Status::Created, &content.to_string(), &names);
                    let got = answer(spool.append_blocking(sent).unwrap());
                    let expected = model.send(content, &signatures, bench.now.load(Ordering::Relaxed));
                    prop_assert_eq!(got, expected);
                }
            }
        }
        let records = spool.lane("a").unwrap().claim_blocking(Feed::Live, 0, 1000).unwrap();
        let ids: Vec<_> = records.iter().map(|record| record.id().clone()).collect();
        prop_assert_eq!(ids, model.records);
        let status = bench.reader().status().unwrap();
        let count = |table: &str| table_count(&bench, table);
        prop_assert_eq!(status.signatures, model.ledger.len() as u64);
        prop_assert_eq!(status.held, count("held"));
        prop_assert_eq!(status.quarantine, count("quarantine"));
        prop_assert_eq!(status.records, count("records"));
        let conn = readers::open_for_reading(&bench.file("spool.db")).unwrap();
        let rows = index::rows(&conn).unwrap();
        prop_assert_eq!([status.signatures, status.fingerprints, status.entities], rows);
    }
}

fn table_count(bench: &Bench, name: &str) -> u64 {
    u64::try_from(table(&bench.config.path, &format!("SELECT count(*) FROM {name}"))).unwrap()
}
