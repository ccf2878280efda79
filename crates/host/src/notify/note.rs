//! What is shown at once: a storm of alerts is a handful of notes.

use chrono::{DateTime, Utc};
use outlay_core::alert::AlertKind;
use outlay_core::ledger::Due;
use outlay_core::refusal::Raise;
use uuid::Uuid;

/// One thing to tell, for one alert or many.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Note {
    /// When the first of it happened.
    #[serde(rename = "time")]
    pub since: DateTime<Utc>,
    /// `info warning critical`.
    pub severity: String,
    /// What happened; `None` where it tells of several things.
    pub kind: Option<String>,
    /// The budget, account, project or client it is about; `None` where it tells of several.
    pub subject: Option<String>,
    /// One short line.
    pub title: String,
    /// The figures, and what to do.
    pub body: String,
    /// How often it happened.
    pub occurrences: u32,
    /// By how much its budget may be raised with one press.
    #[serde(skip)]
    pub raise: Option<Raise>,
    /// The alerts that it tells, and how many occurrences of each.
    #[serde(skip)]
    pub(super) alerts: Vec<(Uuid, u32)>,
    /// How often it was tried, this time included.
    #[serde(skip)]
    pub(super) attempts: u32,
}

/// So many of a class are shown one by one.
const SINGLE_MAX: usize = 4;
/// So many titles are named of those that are not.
const NAMED_MAX: usize = 3;

/// What to tell of alerts, oldest first. Those of one kind about one thing are one note with the
/// latest words and their number; many of a class are one together.
pub(super) fn notes(due: Vec<Due>) -> Vec<Note> {
    let mut groups: Vec<Vec<Due>> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for due in due {
        let thing = (due.alert.kind.clone(), due.alert.subject.clone());
        let place = *places.entry(thing).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.push(due),
            None => groups.push(vec![due]),
        }
    }
    let mut classes: [Vec<Note>; 3] = Default::default();
    for note in groups.into_iter().filter_map(of_group) {
        classes[class(&note)].push(note);
    }
    let few = |notes: Vec<Note>| match notes.len() {
        ..=SINGLE_MAX => notes,
        _ => together(notes).into_iter().collect(),
    };
    classes.into_iter().flat_map(few).collect()
}

/// Which notes may be told as one: that a provider says the money is gone is not lost among budgets that
/// are used up, nor these among warnings.
fn class(note: &Note) -> usize {
    match note.severity.as_str() {
        "critical" if note.kind.as_deref() == Some(AlertKind::UpstreamEmpty.as_str()) => 0,
        "critical" => 1,
        _ => 2,
    }
}

fn of_group(mut group: Vec<Due>) -> Option<Note> {
    let alerts = group.iter().map(|due| (due.alert.id, due.alert.occurrences)).collect();
    let attempts = group.iter().map(|due| due.attempts).max()?;
    let since = group.iter().map(|due| due.alert.time).min()?;
    let last = group.pop()?.alert;
    let like_it = group.iter().filter(|due| due.alert.title == last.title);
    let times =
        like_it.fold(last.occurrences, |sum, due| sum.saturating_add(due.alert.occurrences));
    let title = if times == 1 { last.title } else { format!("{} ({times} times)", last.title) };
    Some(Note {
        since,
        severity: last.severity,
        kind: Some(last.kind),
        subject: Some(last.subject),
        title,
        body: last.body,
        occurrences: times,
        raise: last.raise,
        alerts,
        attempts,
    })
}

fn together(notes: Vec<Note>) -> Option<Note> {
    let worst = ["critical", "warning", "info"]
        .into_iter()
        .find(|severity| notes.iter().any(|note| note.severity == *severity))?;
    let named: Vec<&str> = notes.iter().take(NAMED_MAX).map(|note| note.title.as_str()).collect();
    let more = notes.len() - named.len();
    Some(Note {
        since: notes.iter().map(|note| note.since).min()?,
        severity: worst.to_owned(),
        kind: None,
        subject: None,
        title: format!("{} alerts", notes.len()),
        body: format!("{}; and {more} more. See them all: outlay alerts", named.join("; ")),
        occurrences: notes.iter().fold(0, |sum, note| sum.saturating_add(note.occurrences)),
        raise: None,
        attempts: notes.iter().map(|note| note.attempts).max()?,
        alerts: notes.into_iter().flat_map(|note| note.alerts).collect(),
    })
}

#[cfg(test)]
mod tests {
    use outlay_core::ledger::AlertView;

    use super::*;

    fn alert(severity: &str, kind: &str, subject: &str, title: &str) -> Due {
        let alert = AlertView {
            id: Uuid::new_v4(),
            time: "2026-11-21T12:00:00Z".parse().unwrap(),
            severity: severity.to_owned(),
            kind: kind.to_owned(),
            subject: subject.to_owned(),
            title: title.to_owned(),
            body: format!("{title}!"),
            occurrences: 1,
            raise: None,
            delivered_at: None,
            error: None,
            acknowledged_at: None,
            deliveries: Vec::new(),
        };
        Due { alert, attempts: 1 }
    }

    #[test]
    fn a_storm_is_a_handful() {
        let low =
            |account: &str| alert("warning", "balance_low", account, &format!("{account} is low"));
        let gone = || alert("critical", "upstream_empty", "openai", "The money is gone");
        let crossed =
            |percent: u8| alert("warning", "budget_threshold", "day", &format!("{percent} % used"));
        let over = |budget: &str| {
            alert("critical", "budget_threshold", budget, &format!("{budget} is used up"))
        };
        for (case, alerts, expected) in [
            ("nothing", vec![], vec![]),
            ("two things", vec![low("a"), gone()], vec!["The money is gone", "a is low"]),
            ("two thresholds at once", vec![crossed(50), crossed(80)], vec!["80 % used"]),
            ("a thousand", vec![gone(); 1_000], vec!["The money is gone (1000 times)"]),
            (
                "four",
                ["a", "b", "c", "d"].map(low).to_vec(),
                vec!["a is low", "b is low", "c is low", "d is low"],
            ),
            (
                "more",
                [vec![gone()], ["a", "b", "c", "d", "e"].map(low).to_vec()].concat(),
                vec!["The money is gone", "5 alerts"],
            ),
            (
                "many that are used up, and one whose money is gone",
                [["a", "b", "c", "d", "e"].map(over).to_vec(), vec![gone()], vec![crossed(80)]]
                    .concat(),
                vec!["The money is gone", "5 alerts", "80 % used"],
            ),
        ] {
            let ids: usize = alerts.len();
            let notes = notes(alerts);
            let titles: Vec<&str> = notes.iter().map(|note| note.title.as_str()).collect();
            assert_eq!(titles, expected, "{case}");
            let told: usize = notes.iter().map(|note| note.alerts.len()).sum();
            assert_eq!(told, ids, "{case}: each alert is told by one note");
        }
        let five = notes(["a", "b", "c", "d", "e"].map(low).to_vec());
        assert_eq!(
            five[0].body,
            "a is low; b is low; c is low; and 2 more. See them all: outlay alerts"
        );
        assert_eq!(five[0].severity, "warning");
    }
}
