//! What is shown at once: a storm of alerts is a handful of notes.

use outlay_core::ledger::AlertView;
use uuid::Uuid;

/// One thing to show, for one alert or many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// `info warning critical`.
    pub severity: String,
    /// One short line.
    pub title: String,
    /// The figures, and what to do.
    pub body: String,
    /// The alerts that it tells.
    pub(super) alerts: Vec<Uuid>,
}

/// So many that are not critical are shown one by one.
const SINGLE_MAX: usize = 4;
/// So many titles are named of those that are not.
const NAMED_MAX: usize = 3;

/// What to show for alerts, oldest first. Those of one kind about one thing are one note with the
/// latest words and their number; many that are not critical are one together.
pub(super) fn notes(alerts: Vec<AlertView>) -> Vec<Note> {
    let mut groups: Vec<Vec<AlertView>> = Vec::new();
    for alert in alerts {
        let same = |group: &&mut Vec<AlertView>| {
            group[0].kind == alert.kind && group[0].subject == alert.subject
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(alert),
            None => groups.push(vec![alert]),
        }
    }
    let notes = groups.into_iter().filter_map(of_group);
    let (mut shown, ordinary): (Vec<Note>, Vec<Note>) =
        notes.partition(|note| note.severity == "critical");
    match ordinary.len() {
        ..=SINGLE_MAX => shown.extend(ordinary),
        _ => shown.push(together(ordinary)),
    }
    shown
}

fn of_group(mut group: Vec<AlertView>) -> Option<Note> {
    let alerts = group.iter().map(|alert| alert.id).collect();
    let last = group.pop()?;
    let times = 1 + group.iter().filter(|alert| alert.title == last.title).count();
    let title = if times == 1 { last.title } else { format!("{} ({times} times)", last.title) };
    Some(Note { severity: last.severity, title, body: last.body, alerts })
}

fn together(notes: Vec<Note>) -> Note {
    let is_warning = notes.iter().any(|note| note.severity == "warning");
    let named: Vec<&str> = notes.iter().take(NAMED_MAX).map(|note| note.title.as_str()).collect();
    let more = notes.len() - named.len();
    Note {
        severity: if is_warning { "warning" } else { "info" }.to_owned(),
        title: format!("{} alerts", notes.len()),
        body: format!("{}; and {more} more. See them all: outlay alerts", named.join("; ")),
        alerts: notes.into_iter().flat_map(|note| note.alerts).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(severity: &str, kind: &str, subject: &str, title: &str) -> AlertView {
        AlertView {
            id: Uuid::new_v4(),
            time: "2026-11-21T12:00:00Z".parse().unwrap(),
            severity: severity.to_owned(),
            kind: kind.to_owned(),
            subject: subject.to_owned(),
            title: title.to_owned(),
            body: format!("{title}!"),
            delivered_at: None,
            error: None,
        }
    }

    #[test]
    fn a_storm_is_a_handful() {
        let low =
            |account: &str| alert("warning", "balance_low", account, &format!("{account} is low"));
        let gone = || alert("critical", "upstream_empty", "openai", "The money is gone");
        let crossed =
            |percent: u8| alert("warning", "budget_threshold", "day", &format!("{percent} % used"));
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
