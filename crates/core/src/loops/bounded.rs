//! What is remembered by key, forgetting who was not seen for longest.

use std::collections::HashMap;

/// At most twice `generation` values. Two generations: where the young one is full it takes the old
/// one's place, so that forgetting takes no search.
#[derive(Debug)]
pub(super) struct Bounded<V> {
    young: HashMap<u64, Box<V>>,
    old: HashMap<u64, Box<V>>,
    generation: usize,
}

impl<V: Default> Bounded<V> {
    pub(super) fn new(generation: usize) -> Bounded<V> {
        Bounded { young: HashMap::new(), old: HashMap::new(), generation }
    }

    /// The value of `key`, made if it is not known (any more).
    pub(super) fn entry(&mut self, key: u64) -> &mut V {
        if !self.young.contains_key(&key) && self.young.len() >= self.generation {
            self.old = std::mem::take(&mut self.young);
        }
        let old = &mut self.old;
        self.young.entry(key).or_insert_with(|| old.remove(&key).unwrap_or_default())
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_seen_stays_and_the_rest_is_forgotten() {
        let mut seen = Bounded::<u32>::new(4);
        for key in 0..1_000 {
            *seen.entry(key) += 1;
            *seen.entry(u64::MAX) += 1;
            assert!(seen.len() <= 8, "{} remembered", seen.len());
        }
        assert_eq!((*seen.entry(u64::MAX), *seen.entry(999), *seen.entry(1)), (1_000, 1, 0));
    }
}
