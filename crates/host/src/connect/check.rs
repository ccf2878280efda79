//! What may be wrong with a connection.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::edit::lookup;
use super::file::Found;
use super::record::Record;
use super::{Connections, Tool, target};
use crate::finding::{Finding, State};

const SUBJECT: &str = "connection";
const ANSWER_MAX: Duration = Duration::from_millis(500);

/// Looks at each connected tool; `listen` is where a proxy is, or would be, and `start` the command for
/// that.
#[must_use]
pub fn check(connections: &Connections, listen: SocketAddr, start: &str) -> Vec<Finding> {
    Tool::ALL.into_iter().filter_map(|tool| check_tool(connections, tool, listen, start)).collect()
}

/// Looks at one tool; `None` where it is not connected.
#[must_use]
pub fn check_tool(
    connections: &Connections,
    tool: Tool,
    listen: SocketAddr,
    start: &str,
) -> Option<Finding> {
    let is_answering = |base: &str| {
        let address = base.strip_prefix("http://").and_then(|address| address.parse().ok());
        address.is_some_and(|address| TcpStream::connect_timeout(&address, ANSWER_MAX).is_ok())
    };
    match connections.records.read(tool) {
        Ok(record) => record.map(|record| {
            let text = Found::read(&record.file)
                .map(|found| found.text)
                .map_err(|error| error.to_string());
            finding(&record, &text, &target::base(listen), start, is_answering)
        }),
        Err(error) => Some(Finding {
            subject: SUBJECT,
            state: State::Broken,
            text: error.to_string(),
            fix: Some("Give this user access to it.".to_owned()),
        }),
    }
}

fn finding(
    record: &Record,
    text: &Result<Option<String>, String>,
    here: &str,
    start: &str,
    is_answering: impl Fn(&str) -> bool,
) -> Finding {
    let (title, name, base) = (record.tool.title(), record.tool.name(), &record.base);
    let shown = record.file.display();
    let found = |state, text: String, fix: String| Finding {
        subject: SUBJECT,
        state,
        text,
        fix: Some(fix),
    };
    let said = match text {
        Err(error) => {
            let fix = "Do what the sentence says.".to_owned();
            return found(State::Warning, format!("{title}: {error}"), fix);
        }
        Ok(text) => text.as_deref().map(|text| record.format.read(text)),
    };
    let said = match said.transpose() {
        Ok(said) => said.unwrap_or_default(),
        Err(error) => {
            let fix = format!("Correct {shown}; {title} cannot read it either.");
            return found(State::Warning, format!("{title}: {shown}, {error}"), fix);
        }
    };
    let is_there =
        |change: &&super::edit::Change| lookup(&said, &change.path) == Some(&change.after);
    let there = record.changes.iter().filter(is_there).count();
    if there < record.changes.len() {
        return found(
            State::Warning,
            format!("{title}: {shown} has been changed since, and not all its calls come here"),
            format!(
                "To connect it again: outlay connect {name}; to leave it: outlay connect {name} --undo"
            ),
        );
    }
    let refresh = || "To write the new address: outlay connect --all --refresh".to_owned();
    if !is_answering(base) {
        return found(
            State::Broken,
            format!("{title} sends its calls to {base}, and nobody answers there: they fail"),
            match base != here && is_answering(here) {
                true => refresh(),
                // It writes its own address into what is connected.
                false => format!("To start a proxy: {start}"),
            },
        );
    }
    if base != here {
        return found(
            State::Warning,
            format!("{title} sends its calls to {base}, but the proxy is at {here}"),
            refresh(),
        );
    }
    Finding {
        subject: SUBJECT,
        state: State::Fine,
        text: format!("{title} sends its calls to {base}"),
        fix: None,
    }
}
