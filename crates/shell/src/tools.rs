//! Tools' settings, as the API tells of them.

use std::net::SocketAddr;

use chrono::{DateTime, Utc};
use outlay_host::config::Config;
use outlay_host::connect::{
    self, Choices, ConnectError, Connections, Plan, Standing, Target, Tool,
};
use outlay_host::doctor;
use outlay_host::finding::State;
use outlay_host::folders::Folders;
use outlay_host::logs::{self, Source};
use outlay_host::{port, running, service};
use outlay_proxy::machine::{
    ConnectWanted, Connection, FileChange, MachineError, ToolLogs, ToolView, Tools,
};
use outlay_wire::log;

use crate::settings;

/// Every tool that can be connected or whose logs can be read.
pub(crate) fn list(
    folders: &Folders,
    config: &Config,
    address: SocketAddr,
    now: DateTime<Utc>,
) -> Result<Tools, MachineError> {
    let connections = Connections::new(folders).map_err(|error| refused(&error))?;
    let target = target(config, address)?;
    let mut sources = everywhere();
    let mut tools = Vec::new();
    for standing in connections.list().map_err(|error| refused(&error))? {
        let logs = sources.iter().position(|source| source.tool.as_str() == standing.tool.name());
        let logs = logs.map(|at| sources.swap_remove(at));
        let plan = connections.connect(standing.tool, &target, Choices::default(), false, now);
        tools.push(view(&connections, standing, plan, logs.as_ref(), address));
    }
    sources.sort_by_key(|source| log::Tool::ALL.iter().position(|tool| *tool == source.tool));
    tools.extend(sources.iter().map(of_logs_alone));
    Ok(Tools { address: format!("http://{}", running::reachable(address)), tools })
}

/// Points a tool at the proxy at `address`, or says what that would change.
pub(crate) fn connect(
    folders: &Folders,
    config: &Config,
    name: &str,
    wanted: ConnectWanted,
    address: SocketAddr,
    now: DateTime<Utc>,
) -> Result<Connection, MachineError> {
    let tool = known(name)?;
    let ConnectWanted { statusline, dry_run } = wanted;
    if statusline && tool != Tool::ClaudeCode {
        let sentence = format!("{} has no status line: claude-code alone has one", tool.title());
        return Err(MachineError::Invalid(sentence));
    }
    let is_running = matches!(running::find(folders), Ok(Some(_)));
    if let Some(sentence) = stranger(address).filter(|_| !is_running && !dry_run) {
        return Err(MachineError::Conflict(sentence));
    }
    let connections = Connections::new(folders).map_err(|error| refused(&error))?;
    let target = target(config, address)?;
    let choices = Choices { statusline };
    let plan =
        connections.connect(tool, &target, choices, false, now).map_err(|error| refused(&error))?;
    let mut notes = notes(&plan);
    if !is_running {
        notes.push(format!(
            "No proxy runs at {} yet, and {} fails without one: outlay serve.",
            target.base(),
            tool.title()
        ));
    }
    done(&connections, &plan, dry_run, &notes)
}

/// Puts a tool's settings back, or says what that would change.
pub(crate) fn disconnect(
    folders: &Folders,
    name: &str,
    is_dry: bool,
) -> Result<Connection, MachineError> {
    let tool = known(name)?;
    let connections = Connections::new(folders).map_err(|error| refused(&error))?;
    let plan = connections.undo(tool).map_err(|error| refused(&error))?;
    let mut notes = notes(&plan);
    if plan.is_unknown() {
        notes.push(format!("{} is not connected; nothing to take back.", tool.title()));
    } else if plan.removes_file() {
        notes.push(format!("{}, made for the connection, is removed.", plan.file().display()));
    }
    done(&connections, &plan, is_dry, &notes)
}

fn done(
    connections: &Connections,
    plan: &Plan,
    is_dry: bool,
    notes: &[String],
) -> Result<Connection, MachineError> {
    if !is_dry {
        // Also where nothing changes: what stands there is known from now on.
        plan.write(connections).map_err(|error| refused(&error))?;
    }
    let backup = connections.kept(plan.tool()).map_err(|error| refused(&error))?;
    let change = (!plan.is_settled()).then(|| FileChange {
        file: plan.file().display().to_string(),
        diff: plan.diff(),
        backup: backup.map(|file| file.display().to_string()),
    });
    Ok(Connection {
        tool: plan.tool().name().to_owned(),
        dry_run: is_dry,
        changes: change.into_iter().collect(),
        note: Some(notes.join(" ")).filter(|note| !note.is_empty()),
    })
}

fn notes(plan: &Plan) -> Vec<String> {
    plan.notes().iter().map(|note| format!("{note}.")).collect()
}

fn known(name: &str) -> Result<Tool, MachineError> {
    Tool::named(name).ok_or_else(|| {
        let known: Vec<&str> = Tool::ALL.iter().map(|tool| tool.name()).collect();
        let known = known.join(", ");
        MachineError::NotFound(format!(
            "known tools are {known}; start any other with outlay run -- {name}"
        ))
    })
}

/// Another program on the port would get the calls of connected tools, and their keys: what is to be
/// said of it.
#[must_use]
pub fn stranger(address: SocketAddr) -> Option<String> {
    let holder = port::holder(address).filter(|_| !service::holds(address))?;
    Some(format!(
        "{address} is held by {} (process {}), which would get the calls and keys of connected tools: end it, or set another listen in outlay.toml",
        holder.name, holder.pid
    ))
}

/// The logs of every tool, where it usually keeps them.
pub(crate) fn everywhere() -> Vec<Source> {
    let variable = |name: &str| std::env::var(name).ok();
    log::Tool::ALL.into_iter().map(|tool| logs::discover(tool, &variable)).collect()
}

fn target(config: &Config, address: SocketAddr) -> Result<Target, MachineError> {
    settings::target(config, address).map_err(|error| MachineError::Conflict(error.to_string()))
}

/// What stands in the user's way is theirs to remove.
fn refused(error: &ConnectError) -> MachineError {
    MachineError::Conflict(error.to_string())
}

fn view(
    connections: &Connections,
    standing: Standing,
    plan: Result<Plan, ConnectError>,
    logs: Option<&Source>,
    address: SocketAddr,
) -> ToolView {
    let has_logs = logs.is_some_and(|source| !source.logs.is_empty());
    let is_found = standing.is_found || has_logs;
    let finding = connect::check_tool(connections, standing.tool, address, doctor::start())
        .filter(|finding| finding.state != State::Fine);
    let (problem, hint) = match (finding, plan) {
        (Some(finding), _) => (Some(finding.text), finding.fix),
        // It is no mistake of the user's.
        (None, Err(error @ ConnectError::Unconnectable(_))) => (None, Some(error.to_string())),
        (None, Err(error)) if is_found => (Some(error.to_string()), None),
        (None, _) => (None, None),
    };
    ToolView {
        tool: standing.tool.name().to_owned(),
        name: standing.title.to_owned(),
        found: is_found,
        connectable: standing.file.is_some(),
        connected: standing.is_connected,
        config_file: standing.file.map(|file| file.display().to_string()),
        address: standing.address,
        problem,
        hint,
        statusline: standing.statusline,
        logs: logs.map(in_short),
    }
}

fn of_logs_alone(source: &Source) -> ToolView {
    ToolView {
        tool: source.tool.as_str().to_owned(),
        name: source.tool.title().to_owned(),
        found: !source.logs.is_empty(),
        connectable: false,
        connected: false,
        config_file: None,
        address: None,
        problem: None,
        hint: None,
        statusline: None,
        logs: Some(in_short(source)),
    }
}

fn in_short(source: &Source) -> ToolLogs {
    let last = source.logs.iter().map(|log| log.modified_ms).max();
    ToolLogs {
        files: source.logs.len(),
        last_modified: last.and_then(DateTime::from_timestamp_millis),
    }
}
