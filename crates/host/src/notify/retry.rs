//! When a way that failed is tried again.

use chrono::{DateTime, TimeDelta, Utc};

/// Seconds to wait after the first failure, the second, and so on; the last goes on.
const WAITS_SECONDS: [i64; 5] = [10, 60, 300, 1_800, 3_600];
/// News that old is given up.
const GIVE_UP_AFTER: TimeDelta = TimeDelta::hours(24);

/// When to try again what was tried `attempts` times and happened at `since`; `None` to give up.
pub(super) fn at(attempts: u32, since: DateTime<Utc>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let last = WAITS_SECONDS.len() - 1;
    let index = usize::try_from(attempts.saturating_sub(1)).map_or(last, |index| index.min(last));
    let at = now + TimeDelta::seconds(WAITS_SECONDS[index]);
    (at - since < GIVE_UP_AFTER).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_until_it_is_no_news() {
        let since = DateTime::UNIX_EPOCH;
        for (attempts, passed_seconds, expected) in [
            (1, 0, Some(10)),
            (2, 10, Some(70)),
            (3, 70, Some(370)),
            (4, 370, Some(2_170)),
            (5, 2_170, Some(5_770)),
            (6, 5_770, Some(9_370)),
            (27, 82_799, Some(86_399)),
            (28, 82_800, None),
        ] {
            let now = since + TimeDelta::seconds(passed_seconds);
            let at = at(attempts, since, now).map(|at| (at - since).num_seconds());
            assert_eq!(at, expected, "{attempts} after {passed_seconds} s");
        }
    }
}
