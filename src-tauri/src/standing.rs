//! What the tray says, worked out from the API's status: no I/O here.

use chrono::{DateTime, TimeDelta, Utc};
use outlay_core::money::{Money, PICODOLLARS_PER_USD};
use serde::Deserialize;

const PICODOLLARS_PER_CENT: i64 = PICODOLLARS_PER_USD / 100;
/// Shorter waits are over before anybody has looked.
const WAIT_SHOWN: TimeDelta = TimeDelta::seconds(2);

/// The part of `GET /api/v1/status` that the tray shows.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Status {
    as_of: DateTime<Utc>,
    today: Spend,
    month: Spend,
    #[serde(default)]
    budgets: Vec<Budget>,
    #[serde(default)]
    blocked: Vec<Blocked>,
    #[serde(default)]
    bypass: Option<Bypass>,
}

/// A period's calls and their cost.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Spend {
    calls: u64,
    cost_usd: Money,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Budget {
    name: String,
    state: String,
    #[serde(default)]
    waiting_since: Option<DateTime<Utc>>,
}

/// A time in which no limit refuses.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Bypass {}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Blocked {
    budget: String,
}

/// How the day stands, which the icon's colour tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Every budget has room, or there is none.
    Fine,
    /// A budget is past its first warning, calls wait, or no limit refuses.
    Warned,
    /// A hard budget refuses calls.
    Blocked,
    /// Not known: the backend does not answer.
    Unknown,
}

/// Everything the tray shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) mood: Mood,
    /// Beside the icon: `$4.98`.
    pub(crate) label: String,
    /// The menu's first line.
    pub(crate) today: String,
    /// The menu's second line.
    pub(crate) month: String,
    /// The menu's third line: how the budgets stand.
    pub(crate) budgets: String,
}

impl Standing {
    /// What is shown while there is no answer.
    pub(crate) fn unknown() -> Standing {
        Standing {
            mood: Mood::Unknown,
            label: "$–".to_owned(),
            today: "Today: not known".to_owned(),
            month: "This month: not known".to_owned(),
            budgets: "Outlay could not read its ledger".to_owned(),
        }
    }

    /// The icon's tooltip (Linux trays show none).
    pub(crate) fn tooltip(&self) -> String {
        format!("Outlay – {} – {}", self.today, self.budgets)
    }
}

impl From<&Status> for Standing {
    fn from(status: &Status) -> Standing {
        let warned: Vec<&str> = status
            .budgets
            .iter()
            .filter(|budget| budget.state == "warned")
            .map(|budget| budget.name.as_str())
            .collect();
        let mut blocked: Vec<&str> =
            status.blocked.iter().map(|blocked| blocked.budget.as_str()).collect();
        blocked.dedup();
        let waited_for: Vec<&str> = status
            .budgets
            .iter()
            .filter(|budget| {
                budget.waiting_since.is_some_and(|since| status.as_of - since >= WAIT_SHOWN)
            })
            .map(|budget| budget.name.as_str())
            .collect();
        let (mood, budgets) = if status.bypass.is_some() {
            (Mood::Warned, "Limits are bypassed: nothing is refused".to_owned())
        } else if !blocked.is_empty() {
            (Mood::Blocked, format!("Refusing calls: {} used up", named(&blocked)))
        } else if !waited_for.is_empty() {
            (Mood::Warned, format!("Calls wait for {}", named(&waited_for)))
        } else if !warned.is_empty() {
            (Mood::Warned, format!("Nearly used up: {}", named(&warned)))
        } else if status.budgets.is_empty() {
            (Mood::Fine, "No budgets set".to_owned())
        } else {
            (Mood::Fine, "All budgets have room".to_owned())
        };
        Standing {
            mood,
            label: cents(status.today.cost_usd),
            today: line("Today", &status.today),
            month: line("This month", &status.month),
            budgets,
        }
    }
}

fn line(period: &str, spend: &Spend) -> String {
    let calls = if spend.calls == 1 { "1 call" } else { &format!("{} calls", spend.calls) };
    format!("{period}: {}, {calls}", cents(spend.cost_usd))
}

/// The first two names, and how many more.
fn named(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [one, two] => format!("{one} and {two}"),
        [one, two, more @ ..] => format!("{one}, {two} and {} more", more.len()),
    }
}

/// An amount for a narrow place: whole cents, half to even, never nothing for something.
fn cents(amount: Money) -> String {
    let picodollars = amount.picodollars().unsigned_abs();
    let cent = PICODOLLARS_PER_CENT.unsigned_abs();
    let (whole, rest) = (picodollars / cent, picodollars % cent);
    let up = rest * 2 > cent || (rest * 2 == cent && whole % 2 == 1);
    let rounded = whole + u64::from(up);
    let sign = if amount < Money::ZERO { "-" } else { "" };
    if rounded == 0 && picodollars > 0 {
        return format!("{sign}<$0.01");
    }
    format!("{sign}${}.{:02}", rounded / 100, rounded % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_rounded_to_cents() {
        for (amount, expected) in [
            ("0", "$0.00"),
            ("4.98", "$4.98"),
            ("4.984999999999", "$4.98"),
            ("4.985", "$4.98"),
            ("4.995", "$5.00"),
            ("0.000201", "<$0.01"),
            ("0.005", "<$0.01"),
            ("0.0051", "$0.01"),
            ("1234.5", "$1234.50"),
            ("-0.25", "-$0.25"),
        ] {
            assert_eq!(cents(amount.parse().unwrap()), expected, "{amount}");
        }
    }

    #[test]
    fn the_tray_tells_the_worst_of_the_budgets() {
        let spend = r#""as_of":"2026-11-21T12:00:00Z","today":{"calls":12,"cost_usd":"4.98"},
            "month":{"calls":1,"cost_usd":"61.20"}"#;
        for (rest, mood, budgets) in [
            ("", Mood::Fine, "No budgets set"),
            (
                r#","budgets":[{"name":"day","state":"ok"}],"blocked":[]"#,
                Mood::Fine,
                "All budgets have room",
            ),
            (
                r#","budgets":[{"name":"day","state":"warned"},{"name":"month","state":"ok"}]"#,
                Mood::Warned,
                "Nearly used up: day",
            ),
            (
                r#","budgets":[{"name":"day","state":"blocked"},{"name":"month","state":"warned"}],
                   "blocked":[{"budget":"day","reason":"quota_exceeded","until":null}]"#,
                Mood::Blocked,
                "Refusing calls: day used up",
            ),
            (
                r#","budgets":[{"name":"day","state":"waiting","waiting_since":"2026-11-21T11:59:58Z"}]"#,
                Mood::Warned,
                "Calls wait for day",
            ),
            (
                r#","budgets":[{"name":"day","state":"waiting","waiting_since":"2026-11-21T11:59:59Z"}]"#,
                Mood::Fine,
                "All budgets have room",
            ),
            (
                r#","budgets":[{"name":"day","state":"bypassed"}],"bypass":{"why":null}"#,
                Mood::Warned,
                "Limits are bypassed: nothing is refused",
            ),
        ] {
            let status: Status = serde_json::from_str(&format!("{{{spend}{rest}}}")).unwrap();
            let standing = Standing::from(&status);
            assert_eq!((standing.mood, standing.budgets.as_str()), (mood, budgets), "{rest}");
            assert_eq!(standing.label, "$4.98");
            assert_eq!(standing.today, "Today: $4.98, 12 calls");
            assert_eq!(standing.month, "This month: $61.20, 1 call");
        }
    }

    #[test]
    fn many_names_are_shortened() {
        for (names, expected) in [
            (&["day"][..], "day"),
            (&["day", "month"], "day and month"),
            (&["a", "b", "c", "d"], "a, b and 2 more"),
        ] {
            assert_eq!(named(names), expected);
        }
    }
}
