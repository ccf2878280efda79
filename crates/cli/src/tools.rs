//! Tools whose own settings point at Outlay: what is done to them from other commands.

use std::net::SocketAddr;

use chrono::{DateTime, Utc};
use outlay_host::connect::{Connections, Outcome};
use outlay_host::folders::Folders;
use outlay_host::running;

use crate::failure::Failure;

/// The proxy now listens at `address` and not where it was meant to: writes that into the settings of
/// connected tools, and says so, a sentence each.
pub(crate) fn moved(
    folders: &Folders,
    address: SocketAddr,
    now: DateTime<Utc>,
) -> Result<Vec<String>, Failure> {
    let outcomes = Connections::new(folders)?.rewrite(address, now)?;
    let base = running::reachable(address);
    let mut told =
        sentences(outcomes, |title| format!("{title} now sends its calls to http://{base}."));
    told.push(format!(
        "Tools that were pointed at another address by hand are pointed here by: eval \"$(outlay env)\", or http://{base} in their settings."
    ));
    Ok(told)
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
