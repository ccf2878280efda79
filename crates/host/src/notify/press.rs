//! What the buttons on a notification do.

use std::sync::Arc;

use chrono::{DateTime, Days, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use outlay_core::alert::AlertKind;
use outlay_core::ledger::Ledger;
use outlay_core::refusal::Raise;

use super::{Clock, Note};

/// Who does what a button says.
#[derive(Clone)]
pub struct Press {
    /// What is changed.
    pub ledger: Ledger,
    /// Tells the time of the change.
    pub clock: Clock,
    /// Whose midnight it is.
    pub zone: Tz,
    /// Shows the dashboard.
    pub open: Arc<dyn Fn() + Send + Sync>,
}

/// What a button does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Raises the budget by so much, until its period ends.
    Raise { budget: String, raise: Raise },
    /// Lets the budget refuse nothing until midnight.
    PauseUntilMidnight { budget: String },
    /// Shows the dashboard.
    Open,
}

/// A button: its name on the bus, what it says, what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Button {
    pub(super) key: &'static str,
    pub(super) label: String,
    pub(super) act: Act,
}

/// Who changed a budget by a button.
const ACTOR: &str = "desktop";

/// The buttons of a note. The first is what a click on the note itself does.
pub(super) fn buttons(note: &Note) -> Vec<Button> {
    let open = Button { key: "default", label: "Open".to_owned(), act: Act::Open };
    let mut buttons = vec![open];
    let is_budgets = [AlertKind::BudgetRefused, AlertKind::BudgetThreshold]
        .iter()
        .any(|kind| note.kind.as_deref() == Some(kind.as_str()));
    if let (true, Some(raise), Some(budget)) = (is_budgets, &note.raise, &note.subject) {
        buttons.push(Button {
            key: "raise",
            label: format!("Allow {raise} more"),
            act: Act::Raise { budget: budget.clone(), raise: raise.clone() },
        });
        buttons.push(Button {
            key: "pause",
            label: "Allow until midnight".to_owned(),
            act: Act::PauseUntilMidnight { budget: budget.clone() },
        });
    }
    buttons
}

impl Press {
    /// Does it, and says what is done where nothing else shows it.
    ///
    /// # Errors
    /// One sentence: why it was not done.
    pub(super) fn act(&self, act: Act) -> Result<Option<String>, String> {
        let now = (self.clock)();
        match act {
            Act::Raise { budget, raise } => {
                let done = format!("Budget '{budget}' may spend {raise} more until it resets");
                let raised = self.ledger.raise_budget(budget, raise.by, None, ACTOR, now).wait();
                raised.map(|_| Some(done)).map_err(|error| error.to_string())
            }
            Act::PauseUntilMidnight { budget } => {
                let done = format!("Budget '{budget}' refuses nothing until midnight");
                let until = midnight(now, self.zone);
                let paused = self.ledger.pause_budget(budget, Some(until), ACTOR, now).wait();
                paused.map(|_| Some(done)).map_err(|error| error.to_string())
            }
            Act::Open => {
                (self.open)();
                Ok(None)
            }
        }
    }
}

impl std::fmt::Debug for Press {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Press").field("zone", &self.zone).finish_non_exhaustive()
    }
}

/// The next midnight in `zone`; where the clocks skip it, the first instant of the day.
fn midnight(now: DateTime<Utc>, zone: Tz) -> DateTime<Utc> {
    let tomorrow = now.with_timezone(&zone).date_naive() + Days::new(1);
    let first = (0..24).find_map(|hour| {
        let time = NaiveTime::from_hms_opt(hour, 0, 0)?;
        zone.from_local_datetime(&tomorrow.and_time(time)).earliest()
    });
    first.map_or(now + chrono::TimeDelta::days(1), |first| first.with_timezone(&Utc))
}

#[cfg(test)]
mod tests {
    use outlay_core::budget::BudgetUnit;

    use super::*;

    #[test]
    fn midnight_is_the_users() {
        for (now, zone, expected) in [
            ("2026-11-21T12:00:00Z", Tz::UTC, "2026-11-22T00:00:00Z"),
            ("2026-11-21T23:30:00Z", Tz::Europe__Berlin, "2026-11-22T23:00:00Z"),
            // The night in which Berlin's clocks go back, and one in which Beirut's skip midnight.
            ("2026-10-24T12:00:00Z", Tz::Europe__Berlin, "2026-10-24T22:00:00Z"),
            ("2026-03-28T12:00:00Z", Tz::Asia__Beirut, "2026-03-28T22:00:00Z"),
        ] {
            let now: DateTime<Utc> = now.parse().unwrap();
            assert_eq!(midnight(now, zone), expected.parse::<DateTime<Utc>>().unwrap(), "{now}");
        }
    }

    #[test]
    fn only_what_can_be_done_has_a_button() {
        let raise = Some(Raise { by: "2".to_owned(), unit: BudgetUnit::Usd });
        for (kind, subject, raise, expected) in [
            (
                Some("budget_refused"),
                Some("day"),
                raise.clone(),
                vec!["Open", "Allow $2 more", "Allow until midnight"],
            ),
            (Some("budget_threshold"), Some("day"), None, vec!["Open"]),
            (Some("balance_low"), Some("openai"), None, vec!["Open"]),
            (None, None, None, vec!["Open"]),
        ] {
            let note = Note {
                since: DateTime::UNIX_EPOCH,
                severity: "critical".to_owned(),
                kind: kind.map(str::to_owned),
                subject: subject.map(str::to_owned),
                title: String::new(),
                body: String::new(),
                occurrences: 1,
                raise,
                alerts: Vec::new(),
                attempts: 1,
            };
            let labels: Vec<String> =
                buttons(&note).into_iter().map(|button| button.label).collect();
            assert_eq!(labels, expected, "{kind:?}");
        }
    }
}
