//! The latest instants of something, as many as make it a loop.

use chrono::{DateTime, TimeDelta, Utc};

/// The latest instants, in a ring.
#[derive(Debug, Default)]
pub(super) struct Recent {
    /// Filled up to the rule's count, then overwritten from `oldest` on.
    times: Vec<DateTime<Utc>>,
    oldest: usize,
}

impl Recent {
    /// Adds `at`. Where that makes `count` within `window`, the first of them.
    pub(super) fn push(
        &mut self,
        at: DateTime<Utc>,
        count: u32,
        window: TimeDelta,
    ) -> Option<DateTime<Utc>> {
        // A clock that was set back makes nonsense of what was before.
        if self.newest().is_some_and(|newest| at < newest) {
            self.clear();
        }
        let count = count as usize;
        if self.times.len() < count {
            self.times.push(at);
        } else {
            *self.times.get_mut(self.oldest)? = at;
            self.oldest = (self.oldest + 1) % count;
        }
        let first = *self.times.get(self.oldest)?;
        (self.times.len() == count && at - first <= window).then_some(first)
    }

    /// Takes the latest back.
    pub(super) fn pop(&mut self) {
        // In order of time from here on, so that the latest is the last.
        self.times.rotate_left(self.oldest);
        self.oldest = 0;
        self.times.pop();
    }

    pub(super) fn clear(&mut self) {
        self.times.clear();
        self.oldest = 0;
    }

    fn newest(&self) -> Option<DateTime<Utc>> {
        match self.oldest {
            0 => self.times.last().copied(),
            oldest => self.times.get(oldest - 1).copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000 + second, 0).unwrap()
    }

    #[test]
    fn as_many_as_it_takes_within_the_window() {
        for (seconds, expected) in [
            (&[0, 1][..], None),
            (&[0, 1, 2], Some(0)),
            (&[0, 5, 10], Some(0)),
            (&[0, 5, 11], None),
            (&[0, 5, 11, 12], Some(5)),
            (&[0, 100, 101, 102, 103], Some(101)),
            (&[50, 51, 0], None),
            (&[50, 51, 0, 1, 2], Some(0)),
        ] {
            let mut recent = Recent::default();
            let mut first = None;
            for &second in seconds {
                first = recent.push(at(second), 3, TimeDelta::seconds(10));
            }
            assert_eq!(first, expected.map(at), "{seconds:?}");
        }
    }

    #[test]
    fn the_latest_can_be_taken_back() {
        let mut recent = Recent::default();
        let window = TimeDelta::seconds(10);
        for second in 0..5 {
            recent.push(at(second), 3, window);
        }
        recent.pop();
        assert_eq!(recent.newest(), Some(at(3)));
        assert_eq!(recent.push(at(6), 3, window), Some(at(2)));
    }
}
