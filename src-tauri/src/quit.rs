//! Who would miss the proxy, and how that is asked: no I/O here.

use chrono::TimeDelta;

use crate::dialog::Question;
use crate::documents::Calls;
use crate::words::named;

/// A tool that called within this time is thought to be at work.
pub(crate) const LATELY: TimeDelta = TimeDelta::hours(1);

/// What to ask before the proxy ends; `None` where none of `calls` came through it.
pub(crate) fn question(calls: &Calls) -> Option<Question> {
    let mut names: Vec<&str> = Vec::new();
    for call in calls.rows.iter().filter(|call| call.source == "proxy") {
        let name = call.client.as_deref().unwrap_or("a tool without a name");
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() {
        return None;
    }
    Some(Question {
        title: "Quit Outlay?".to_owned(),
        text: format!(
            "{} would get no answer while Outlay is closed. To keep the proxy without this app, \
             quit and run outlay service install.",
            named(&names)
        ),
        yes: "Quit".to_owned(),
        no: "Keep running".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_called_are_named() {
        let call = |client: &str, source: &str| {
            format!(r#"{{"id":"1","client":{client},"source":"{source}","refused_by":null}}"#)
        };
        let code = || call("\"claude-code\"", "proxy");
        for (rows, expected) in [
            (vec![], None),
            (vec![call("\"import\"", "api")], None),
            (vec![code(), code()], Some("claude-code would")),
            (vec![code(), call("\"codex\"", "proxy"), code()], Some("claude-code and codex would")),
            (vec![call("null", "proxy")], Some("a tool without a name would")),
        ] {
            let rows = format!(r#"{{"rows":[{}],"cursor":null}}"#, rows.join(","));
            let calls: Calls = serde_json::from_str(&rows).unwrap();
            let text = question(&calls).map(|question| question.text);
            let start = text.as_deref().and_then(|text| text.split(" get").next());
            assert_eq!(start, expected, "{rows}");
        }
    }
}
