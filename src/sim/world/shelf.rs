//! Things in the order in which they came, found by id.

use std::collections::{BTreeMap, HashMap};

/// Keeps the order of arrival, which is the order of Plivo's lists.
#[derive(Debug, Clone)]
pub struct Shelf<T> {
    by_arrival: BTreeMap<u64, (String, T)>,
    places: HashMap<String, u64>,
    next: u64,
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Shelf { by_arrival: BTreeMap::new(), places: HashMap::new(), next: 0 }
    }
}

impl<T> Shelf<T> {
    /// Puts it last, or in the place of what had this id; whether it is new.
    pub fn put(&mut self, id: &str, thing: T) -> bool {
        if let Some(place) = self.places.get(id) {
            self.by_arrival.insert(*place, (id.to_owned(), thing));
            return false;
        }
        self.places.insert(id.to_owned(), self.next);
        self.by_arrival.insert(self.next, (id.to_owned(), thing));
        self.next += 1;
        true
    }

    /// What has this id.
    pub fn get(&self, id: &str) -> Option<&T> {
        self.by_arrival.get(self.places.get(id)?).map(|(_, thing)| thing)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, id: &str) -> Option<&mut T> {
        self.by_arrival.get_mut(self.places.get(id)?).map(|(_, thing)| thing)
    }

    /// Takes it out.
    pub fn take(&mut self, id: &str) -> Option<T> {
        self.by_arrival.remove(&self.places.remove(id)?).map(|(_, thing)| thing)
    }

    /// Everything with its id, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.by_arrival.values().map(|(id, thing)| (id.as_str(), thing))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_arrival_stays_and_what_is_taken_is_gone() {
        let mut shelf = Shelf::default();
        for id in ["b", "a", "c"] {
            assert!(shelf.put(id, id.to_uppercase()));
        }
        assert!(!shelf.put("a", "again".to_owned()), "no second place for one id");
        assert_eq!(shelf.take("b").as_deref(), Some("B"));
        assert!(shelf.put("b", "late".to_owned()));
        let order: Vec<_> = shelf.iter().collect();
        assert_eq!(order, [("a", &"again".to_owned()), ("c", &"C".to_owned()), ("b", &"late".to_owned())]);
        assert_eq!((shelf.len(), shelf.get("x")), (3, None));
    }
}
