//! The lives of all entities of a run, none of which is written out before its turn.

use super::life::{Kind, Life};

/// The most entities, and the most callbacks, of one run.
pub const MOST_ENTITIES: u64 = 10_000_000;
/// The most callbacks of one run.
pub const MOST_CALLBACKS: u64 = 100_000_000;

/// The lives of all entities of a run. Entities are counted from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lives(Vec<Group>);

/// Entities one after another that take the same number of turns.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    /// Theirs in turn.
    lives: Vec<Life>,
    count: u64,
    turns: u64,
}

impl Group {
    fn callbacks(&self) -> u64 {
        self.count.saturating_mul(self.turns)
    }
}

impl Lives {
    /// So many entities with each of these lives.
    ///
    /// # Errors
    /// When they are more than a run may have, in words.
    pub fn of(lives: Vec<(Life, u64)>) -> Result<Self, String> {
        let groups = lives
            .into_iter()
            .map(|(life, count)| Group { turns: life.turns(), lives: vec![life], count })
            .collect();
        let lives = Lives(groups);
        for (what, found, most) in
            [("entities", lives.entities(), MOST_ENTITIES), ("callbacks", lives.callbacks(), MOST_CALLBACKS)]
        {
            if found > most {
                return Err(format!("{found} {what} in all: a run has {most} at most"));
            }
        }
        Ok(lives)
    }

    /// Lives of brands, campaigns and numbers in turn, with so many callbacks in all.
    pub fn generated(entities: u32, callbacks: u64) -> Self {
        let entities = u64::from(entities.max(1)).min(callbacks.max(1));
        // The first ones take a turn more where it does not come out even.
        let (turns, more) = (callbacks / entities, callbacks % entities);
        let mut kinds = [Kind::Brand, Kind::Campaign, Kind::Number];
        let longer = Group::in_turn(kinds, more, turns + 1);
        kinds.rotate_left((more % 3) as usize);
        Lives(vec![longer, Group::in_turn(kinds, entities - more, turns)])
    }

    /// How many entities there are.
    pub fn entities(&self) -> u64 {
        self.0.iter().fold(0, |sum, group| sum.saturating_add(group.count))
    }

    /// How many callbacks there are in all.
    pub fn callbacks(&self) -> u64 {
        self.0.iter().fold(0, |sum, group| sum.saturating_add(group.callbacks()))
    }

    /// What happens to an entity.
    pub fn life(&self, entity: u64) -> Option<&Life> {
        let (group, index) = self.find(entity)?;
        let lives = &self.0.get(group)?.lives;
        lives.get((index % lives.len() as u64) as usize)
    }

    /// The number of the notice of an entity's turn, as if all lives went at the same pace: from 1, without gaps.
    pub fn number(&self, entity: u64, turn: u64) -> Option<u64> {
        let (found, index) = self.find(entity)?;
        let earlier_turns: u64 = self.0.iter().map(|group| group.count * group.turns.min(turn)).sum();
        let this_turn: u64 =
            self.0.iter().take(found).filter(|group| group.turns > turn).map(|group| group.count).sum();
        Some(earlier_turns + this_turn + index + 1)
    }

    /// The group of an entity, and which one it is there.
    fn find(&self, entity: u64) -> Option<(usize, u64)> {
        let mut index = entity;
        for (place, group) in self.0.iter().enumerate() {
            match index.checked_sub(group.count) {
                Some(rest) => index = rest,
                None => return Some((place, index)),
            }
        }
        None
    }
}

impl Group {
    fn in_turn(kinds: [Kind; 3], count: u64, turns: u64) -> Self {
        Group { lives: kinds.map(|kind| Life::generated(kind, turns)).to_vec(), count, turns }
    }
}
