//! Random batches, some of which fail, against plain maps.

use std::collections::HashMap;

use proptest::prelude::*;

use super::super::schema;
use super::*;
use crate::event::Timestamp;

/// What the first filter is made for: so little that the tables are read again and again.
const FIRST: usize = 4;

fn hash(number: u8) -> Hash {
    let mut hash = [number.wrapping_mul(89); 32];
    hash[31] = number;
    hash
}

#[derive(Debug, Clone)]
struct Learned {
    content: u8,
    signatures: Vec<u8>,
    /// The entity and whether it moves.
    accepted: Option<(u8, bool)>,
}

#[derive(Debug, Clone)]
enum Act {
    Batch(Vec<Learned>),
    Adopt(Vec<Told>),
    Failing(Vec<Learned>),
    Restart,
}

/// What another spool tells.
#[derive(Debug, Clone)]
enum Told {
    Signature(u8, u8),
    Content { content: u8, occurrence: u32, at: i64 },
    Entity { entity: u8, at: i64 },
}

fn told() -> impl Strategy<Value = Told> {
    let at = || -1000_i64..1000;
    prop_oneof![
        (0_u8..90, 0_u8..60).prop_map(|(signature, content)| Told::Signature(signature, content)),
        (0_u8..60, 0_u32..5, at()).prop_map(|(content, occurrence, at)| Told::Content {
            content,
            occurrence,
            at
        }),
        (0_u8..30, at()).prop_map(|(entity, at)| Told::Entity { entity, at }),
    ]
}

fn learned() -> impl Strategy<Value = Learned> {
    let accepted = prop::option::weighted(0.8, (0_u8..30, any::<bool>()));
    (0_u8..60, prop::collection::vec(0_u8..90, 0..3), accepted)
        .prop_map(|(content, signatures, accepted)| Learned { content, signatures, accepted })
}

fn act() -> impl Strategy<Value = Act> {
    let batch = || prop::collection::vec(learned(), 0..5);
    prop_oneof![
        8 => batch().prop_map(Act::Batch),
        2 => prop::collection::vec(told(), 0..8).prop_map(Act::Adopt),
        1 => batch().prop_map(Act::Failing),
        1 => Just(Act::Restart),
    ]
}

/// What has to be found, and how many rows there have to be.
#[derive(Default, Clone)]
struct Model {
    signatures: HashMap<u8, Known>,
    fingerprints: HashMap<u8, Seen>,
    entities: HashMap<String, Standing>,
    /// Whether an entity was moved by what another spool told: that takes a content of its own, once.
    stand_in: bool,
}

struct Bench {
    conn: Connection,
    index: Index,
    state: State,
    model: Model,
    /// The tables being read, a page after each batch.
    scan: Option<Scan>,
    /// How often they were.
    scans: usize,
}

impl Bench {
    fn new() -> Self {
        let conn = Connection::open_in_memory().unwrap();
        schema::create(&conn, 0).unwrap();
        let (mut index, state) = (Index::load(&conn).unwrap(), State::load(&conn).unwrap());
        index.presence = presence::Presence::of_nothing(FIRST);
        Bench { index, state, conn, model: Model::default(), scan: None, scans: 0 }
    }

    /// As the writer does it, and a page as the thread beside it does.
    fn committed(&mut self) {
        if let Some(scan) = self.index.committed(&self.state) {
            assert!(self.scan.replace(scan).is_none(), "two at a time");
        }
        let Some(scan) = &mut self.scan else { return };
        if !scan.step(&self.conn).unwrap() {
            self.scan.take().unwrap().finish();
            self.scans += 1;
        }
    }

    fn restart(&mut self) {
        self.index.reload(&self.conn).unwrap();
        self.state = State::load(&self.conn).unwrap();
    }

    /// As the writer does it.
    fn batch(&mut self, all: &[Learned], fails: bool) {
        let (before, clock) = (self.model.clone(), self.state.clock);
        let tx = self.conn.unchecked_transaction().unwrap();
        self.state.clock = Timestamp::from_millis(clock.as_millis() + 7);
        for one in all {
            learn(&tx, &mut self.index, &mut self.state, &mut self.model, one);
        }
        self.index.save(&tx, &self.state).unwrap();
        self.state.save(&tx).unwrap();
        if fails {
            tx.rollback().unwrap();
            self.model = before;
            self.restart();
        } else {
            tx.commit().unwrap();
            self.committed();
            assert!(!self.index.is_changed());
        }
    }

    /// What another spool tells, as it is entered when it is more than what is known.
    fn adopt(&mut self, all: &[Told]) {
        let tx = self.conn.unchecked_transaction().unwrap();
        for told in all {
            let Bench { index, state, model, .. } = self;
            match *told {
                Told::Signature(number, content) => {
                    let known = Known { fingerprint: hash(content), occurrence: 3 };
                    let signed = Signed { known, first_seen: Timestamp::from_millis(1) };
                    if index.signature(&tx, &hash(number)).unwrap().is_none() {
                        index.adopt_signature(&tx, state, (&hash(number), signed)).unwrap();
                    }
                    model.signatures.entry(number).or_insert(known);
                }
                Told::Content { content, occurrence, at } => {
                    let seen = Seen { occurrence, accepted_at: Timestamp::from_millis(at) };
                    let latest = Latest { seen, sequence: 0 };
                    index.adopt_fingerprint(&tx, state, (&hash(content), latest)).unwrap();
                    model.fingerprints.insert(content, seen);
                }
                Told::Entity { entity: number, at } => {
                    let standing = Standing { status: Status::Rejected, at: Timestamp::from_millis(at) };
                    let name = entity(number);
                    model.stand_in |= model.entities.contains_key(&name);
                    index.adopt_standing(&tx, state, (&name, Stands { standing, sequence: 0 })).unwrap();
                    model.entities.insert(name, standing);
                }
            }
        }
        self.index.save(&tx, &self.state).unwrap();
        self.state.save(&tx).unwrap();
        tx.commit().unwrap();
        self.committed();
    }

    fn check(&self) {
        let Bench { conn, index, model, state, .. } = self;
        for number in 0..90 {
            assert_eq!(index.signature(conn, &hash(number)).unwrap(), model.signatures.get(&number).copied());
        }
        for number in 0..60 {
            let seen = index.fingerprint(conn, &hash(number)).unwrap();
            assert_eq!(seen, model.fingerprints.get(&number).copied());
        }
        for number in 0..30 {
            let standing = index.standing(conn, &entity(number)).unwrap();
            assert_eq!(standing, model.entities.get(&entity(number)).copied());
        }
        let contents = model.fingerprints.len() + usize::from(model.stand_in);
        let counts = [model.signatures.len(), contents, model.entities.len()];
        assert_eq!(rows(conn).unwrap(), counts.map(|count| count as u64));
        assert_eq!([state.signatures, state.fingerprints, state.entities], rows(conn).unwrap());
    }
}

fn entity(number: u8) -> String {
    entity_name(
        "MA1",
        if number.is_multiple_of(2) { "brand" } else { "campaign" },
        &format!("B{}", number / 2),
    )
}

fn learn(tx: &Connection, index: &mut Index, state: &mut State, model: &mut Model, one: &Learned) {
    let fingerprint = hash(one.content);
    let last = index.fingerprint(tx, &fingerprint).unwrap().map(|seen| seen.occurrence);
    let occurrence = match (last, one.accepted) {
        (last, Some(_)) => last.map_or(0, |last| last + 1),
        (last, None) => last.unwrap_or(0),
    };
    let content = Known { fingerprint, occurrence };
    let unknown = |number: &&u8| index.signature(tx, &hash(**number)).unwrap().is_none();
    let signatures: Vec<Hash> = one.signatures.iter().filter(unknown).map(|number| hash(*number)).collect();
    for number in &one.signatures {
        model.signatures.entry(*number).or_insert(content);
    }
    let Some((number, moves)) = one.accepted else { return index.bind(state, content, signatures) };
    model.fingerprints.insert(one.content, Seen { occurrence, accepted_at: state.clock });
    let name = entity(number);
    let known = index.standing(tx, &name).unwrap().is_some();
    let status = [Status::Created, Status::Registered, Status::Unknown][usize::from(one.content) % 3];
    if moves {
        model.entities.insert(name.clone(), Standing { status, at: state.clock });
    }
    let moved = moves.then_some((name.as_str(), status));
    let accepted = Some(Accepted { sequence: state.next, moved });
    state.next += 1;
    index.note(state, &Note { content, signatures, accepted }, known);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn agrees_with_plain_maps(acts in prop::collection::vec(act(), 1..40)) {
        let mut bench = Bench::new();
        for act in acts {
            match act {
                Act::Batch(all) => bench.batch(&all, false),
                Act::Adopt(all) => bench.adopt(&all),
                Act::Failing(all) => bench.batch(&all, true),
                Act::Restart => bench.restart(),
            }
            bench.check();
        }
    }
}

fn one(number: u8) -> Learned {
    Learned { content: number, signatures: vec![number], accepted: Some((number % 30, true)) }
}

#[test]
fn the_keys_in_the_tables_are_read_again_and_again_and_none_is_missed() {
    let mut bench = Bench::new();
    for number in (0..90).cycle().take(400) {
        bench.batch(&[one(number)], number % 7 == 0);
        bench.check();
    }
    assert!(bench.scans >= 3, "{}", bench.scans);
}

#[test]
fn notes_go_once_the_tables_have_them_and_memory_stays_bounded() {
    let mut bench = Bench::new();
    for number in 0..60 {
        bench.batch(&[one(number)], false);
        assert!(bench.index.live.notes + bench.index.sealed.notes <= 2 * SEAL);
    }
    let notes: u64 = bench.conn.query_row("SELECT count(*) FROM notes", [], |row| row.get(0)).unwrap();
    assert!(notes <= 2 * SEAL as u64 + FORGET, "{notes}");
    assert!(tables::signature(&bench.conn, &hash(0)).unwrap().is_some());
    bench.check();
}

/// How many notes are read back at a start, and how many there are on disk.
fn notes_after_start(bench: &Bench) -> (usize, usize) {
    let index = Index::load(&bench.conn).unwrap();
    let on_disk = bench.conn.query_row("SELECT count(*) FROM notes", [], |row| row.get(0)).unwrap();
    (index.live.notes + index.sealed.signatures.len(), on_disk)
}

#[test]
fn notes_do_not_grow_with_starts_between_which_little_comes() {
    let bound = |number| Learned { accepted: None, ..one(number) };
    let kinds: [fn(u8) -> Learned; 2] = [one, bound];
    for (between, learned) in (1..8).flat_map(|between| kinds.map(|kind| (between, kind))) {
        let mut bench = Bench::new();
        let mut numbers = (0..90).cycle();
        for start in 0..60 {
            for number in numbers.by_ref().take(between) {
                bench.batch(&[learned(number)], false);
            }
            bench.restart();
            let (held, on_disk) = notes_after_start(&bench);
            assert!(held <= SEAL + TOGETHER, "{held} after start {start}, {between} callbacks between two");
            assert!(on_disk <= 3 * SEAL, "{on_disk} after start {start}, {between} callbacks between two");
        }
        bench.check();
    }
}

#[test]
fn a_start_goes_on_where_the_last_one_ended() {
    let mut bench = Bench::new();
    for number in 0..9 {
        bench.batch(&[one(number)], false);
    }
    let left = |index: &Index| index.sealed.keys().map(<[u8]>::to_vec).collect::<Vec<_>>();
    let before = left(&bench.index);
    assert!(!before.is_empty() && bench.index.place != Place::default());
    bench.restart();
    assert_eq!(left(&bench.index), before);
    // Without a place, or with a damaged one, all is read back and carried over once more.
    for damage in
        ["UPDATE meta SET value = x'00' WHERE key = 'carried'", "DELETE FROM meta WHERE key = 'carried'"]
    {
        assert_eq!(bench.conn.execute(damage, []).unwrap(), 1);
        bench.restart();
        assert_eq!((bench.index.live.notes, left(&bench.index).len()), (0, 3 * 9));
    }
    for number in 9..30 {
        bench.batch(&[one(number)], false);
    }
    bench.check();
}

#[test]
fn an_entity_that_is_forgotten_is_not_named_by_the_place() {
    let mut bench = Bench::new();
    let named = |bench: &Bench| {
        let place: Vec<u8> = schema::meta(&bench.conn, "carried").unwrap().unwrap_or_default();
        (0..30).map(entity).find(|name| place.windows(name.len()).any(|part| part == name.as_bytes()))
    };
    let mut numbers = 0..90;
    let name = loop {
        bench.batch(&[one(numbers.next().unwrap())], false);
        if let Some(name) = named(&bench) {
            break name;
        }
    };
    let Bench { conn, index, state, .. } = &mut bench;
    assert!(index.forget_standing(conn, state, &name, 1000).unwrap());
    let about = notes_about(conn, |named, _, _| named == name).unwrap();
    forget_in_notes(conn, &about, |named, _, _| named == name).unwrap();
    state.save(conn).unwrap();
    assert_eq!(named(&bench), None);
    bench.model.entities.remove(&name);
    bench.restart();
    bench.check();
}

#[test]
fn the_numbers_of_notes_are_not_given_again_when_all_notes_are_gone() {
    let mut bench = Bench::new();
    for number in 0..20 {
        bench.batch(&[one(number)], false);
    }
    let (next, sealed) = (bench.index.next, bench.index.place.sealed);
    bench.conn.execute("DELETE FROM notes", []).unwrap();
    bench.restart();
    assert!(bench.index.next > sealed && bench.index.next <= next);
    bench.batch(&[one(70)], false);
    bench.restart();
    assert!(bench.index.signature(&bench.conn, &hash(70)).unwrap().is_some());
}

#[test]
fn a_damaged_note_does_not_stop_the_others() {
    let mut bench = Bench::new();
    for number in 0..3 {
        bench.batch(&[one(number)], false);
    }
    let damage = "UPDATE notes SET entries = zeroblob(length(entries)) WHERE number = 2";
    assert_eq!(bench.conn.execute(damage, []).unwrap(), 1);
    bench.restart();
    let found = [0, 1, 2].map(|number| bench.index.signature(&bench.conn, &hash(number)).unwrap().is_some());
    assert_eq!(found, [true, false, true]);
}
