//! Findings as the user reads them.

use chrono::TimeDelta;

use super::{Finding, LoopKind, Measure};

impl Finding {
    /// What happened, as a part of a sentence: `the same request was sent 10 times in 5 minutes`.
    #[must_use]
    pub fn what(&self) -> String {
        let (count, within) = (self.count, spoken(self.window));
        match (self.kind, self.measure) {
            (LoopKind::SameRequest, _) => {
                format!("the same request was sent {count} times in {within}")
            }
            (LoopKind::RetriesAfterRefusal, _) => {
                format!("{count} calls were refused in {within}, and it asks again")
            }
            (LoopKind::TightLoop, _) => {
                format!("{count} streams in a row were over at once, in {within}")
            }
            (LoopKind::Burst, Measure::Usual(usual)) => {
                format!("{count} calls in a minute, where a busy one usually has {usual}")
            }
            (LoopKind::IdleSpend, Measure::Spent(spent)) => format!(
                "{count} calls for ${spent} while nobody has touched keyboard or mouse for {within}"
            ),
            (LoopKind::Burst | LoopKind::IdleSpend, _) => format!("{count} calls in {within}"),
        }
    }

    /// What to do so that calls pass at once, as a part of a sentence.
    #[must_use]
    pub const fn way_out(&self) -> &'static str {
        match self.kind {
            LoopKind::SameRequest => "a changed request passes",
            LoopKind::RetriesAfterRefusal => "make room in the budget",
            LoopKind::TightLoop => "another session passes",
            LoopKind::Burst => "slow down",
            LoopKind::IdleSpend => "touch keyboard or mouse",
        }
    }
}

/// A time as one says it: `45 seconds`, `5 minutes`, `3 hours`, never of less than a second.
fn spoken(time: TimeDelta) -> String {
    let seconds = time.num_seconds().max(1);
    let (count, unit) = if seconds < 120 {
        (seconds, "second")
    } else if seconds < 7_200 {
        ((seconds + 30) / 60, "minute")
    } else {
        ((seconds + 1_800) / 3_600, "hour")
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (seconds, expected) in [
            (-5, "1 second"),
            (0, "1 second"),
            (45, "45 seconds"),
            (119, "119 seconds"),
            (120, "2 minutes"),
            (300, "5 minutes"),
            (7_199, "120 minutes"),
            (7_200, "2 hours"),
            (28_900, "8 hours"),
        ] {
            assert_eq!(spoken(TimeDelta::seconds(seconds)), expected, "{seconds}");
        }
    }

    #[test]
    fn sentences() {
        let usual = Measure::Usual(5);
        let spent = Measure::Spent("1.25".parse().unwrap());
        for (kind, measure, expected) in [
            (
                LoopKind::SameRequest,
                Measure::None,
                "the same request was sent 90 times in 2 minutes",
            ),
            (
                LoopKind::RetriesAfterRefusal,
                Measure::None,
                "90 calls were refused in 2 minutes, and it asks again",
            ),
            (
                LoopKind::TightLoop,
                Measure::None,
                "90 streams in a row were over at once, in 2 minutes",
            ),
            (LoopKind::Burst, usual, "90 calls in a minute, where a busy one usually has 5"),
            (
                LoopKind::IdleSpend,
                spent,
                "90 calls for $1.25 while nobody has touched keyboard or mouse for 2 minutes",
            ),
        ] {
            let since = chrono::DateTime::UNIX_EPOCH;
            let window = TimeDelta::minutes(2);
            let until = since + window;
            let finding = Finding { kind, count: 90, since, window, until, is_news: true, measure };
            assert_eq!(finding.what(), expected);
        }
    }
}
