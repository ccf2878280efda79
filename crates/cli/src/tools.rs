//! Tools whose own settings point at Outlay: what is done to them from other commands.

use std::net::SocketAddr;

use chrono::{DateTime, Utc};
use outlay_host::connect::{Connections, Outcome};
use outlay_host::folders::Folders;
use outlay_host::running;

use crate::failure::Failure;

/// Writes where the proxy listens into the settings of connected tools, and says which it changed, a
/// sentence each.
pub(crate) fn follow(
    folders: &Folders,
    address: SocketAddr,
    now: DateTime<Utc>,
) -> Result<Vec<String>, Failure> {
    let outcomes = Connections::new(folders)?.rewrite(address, now)?;
    let is_news = |(_, outcome): &Outcome| !outcome.as_ref().is_ok_and(|plan| plan.is_settled());
    let news = outcomes.into_iter().filter(is_news).collect();
    let base = running::reachable(address);
    Ok(sentences(news, |title| format!("{title} now sends its calls to http://{base}.")))
}

/// Outlay goes: puts every tool back that was pointed here, and says so, a sentence each.
pub(crate) fn put_back(folders: &Folders) -> Result<Vec<String>, Failure> {
    let outcomes = Connections::new(folders)?.undo_all()?;
    Ok(sentences(outcomes, |title| format!("{title}'s settings are as they were.")))
}

fn sentences(outcomes: Vec<Outcome>, done: impl Fn(&str) -> String) -> Vec<String> {
    let sentence = |(tool, outcome): Outcome| match outcome {
        Ok(plan) => {
            let notes: String = plan.notes().iter().map(|note| format!(" {note}.")).collect();
            format!("{}{notes}", done(tool.title()))
        }
        Err(error) => format!("{} is left as it is: {error}", tool.title()),
    };
    outcomes.into_iter().map(sentence).collect()
}
