//! `outlay alerts test`: one alert through the ledger, and from there by whoever delivers, the running
//! proxy, else this process.

use std::process::ExitCode;
use std::sync::Arc;

use chrono::Utc;
use outlay_host::notify::{self, Manner};
use outlay_host::running;
use outlay_shell::alert_test;

use crate::failure::{Failure, Outcome};
use crate::output::Out;
use crate::session::Session;

pub(super) fn run(session: &Session, out: &mut Out) -> Outcome {
    let ledger = session.ledger()?;
    let mut manner = Manner::configured(&session.config, None);
    let names = manner.names();
    if names.is_empty() {
        return Err(Failure::failed(alert_test::NO_WAY));
    }
    alert_test::fire(&ledger, "outlay alerts test", session.now)?;
    let is_by_other = running::find(&session.folders).ok().flatten().is_some();
    if !is_by_other {
        let clock: notify::Clock = Arc::new(Utc::now);
        notify::deliver_all(&ledger, &mut manner, &clock)?;
    }
    let by = if is_by_other { "the running proxy" } else { "this command" };
    let mut failures = Vec::new();
    for way in alert_test::outcome(&ledger, &names, by, session.now)? {
        match way.error {
            None => out.line(arrived(&way.channel, by))?,
            Some(error) => {
                let fix = way.fix.map(|fix| format!(": {fix}")).unwrap_or_default();
                failures.push(format!("{error}{fix}"));
            }
        }
    }
    if let (true, Some(hours)) = (failures.is_empty(), session.config.notifications.quiet_hours) {
        out.line(format!(
            "In quiet hours ({hours}) only critical alerts are told, like this one."
        ))?;
    }
    match failures.is_empty() {
        true => Ok(ExitCode::SUCCESS),
        false => Err(Failure::failed(failures.join("; "))),
    }
}

fn arrived(channel: &str, by: &str) -> String {
    match channel {
        "desktop" => {
            let service = notify::service().unwrap_or_else(|_| "the desktop".to_owned());
            format!("desktop: delivered by {by} and taken by {service}: it is on your screen.")
        }
        "command" => format!("command: run by {by}, and it ended well."),
        webhook => format!("{webhook}: sent by {by}, and accepted."),
    }
}
