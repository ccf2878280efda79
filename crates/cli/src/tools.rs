//! Tools whose own settings point at Outlay: what is done to them from other commands.

use std::net::SocketAddr;

use chrono::{DateTime, Utc};
use outlay_host::connect::{Connections, Outcome};
use outlay_host::folders::Folders;
use outlay_host::running;
use outlay_host::service;

use crate::failure::Failure;
use crate::words;

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

/// That connected tools send their calls to where no proxy answers; `None` where one does.
pub(crate) fn unanswered(folders: &Folders) -> Option<String> {
    // A service begins with the first call.
    if service::state().file.is_some() || matches!(running::find(folders), Ok(Some(_))) {
        return None;
    }
    let senders = senders(folders, |_| true)?;
    Some(format!("{senders}, and no proxy runs: outlay serve"))
}

/// That the tools that are connected to this proxy fail without it, where no service starts the next
/// one.
pub(crate) fn left_alone(folders: &Folders, address: SocketAddr) -> Option<String> {
    if service::state().file.is_some() {
        return None;
    }
    let here = format!("http://{}", running::reachable(address));
    let senders = senders(folders, |address| address == here)?;
    Some(format!("{senders}: nothing answers them until outlay serve runs again"))
}

/// Which connected tools send their calls to such an address; `None` where none does.
fn senders(folders: &Folders, is_here: impl Fn(&str) -> bool) -> Option<String> {
    let standings = Connections::new(folders).ok()?.list().ok()?;
    let connected = standings.iter().filter(|known| known.address.as_deref().is_some_and(&is_here));
    let titles: Vec<_> = connected.map(|known| known.title).collect();
    let send = match titles.len() {
        0 => return None,
        1 => "sends its",
        _ => "send their",
    };
    Some(format!("{} {send} calls here", words::listed(&titles)))
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
