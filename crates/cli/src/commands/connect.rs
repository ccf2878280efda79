//! `outlay connect`: a tool's own settings, pointed at the proxy and back.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::process::ExitCode;

use outlay_host::connect::{Choices, Connections, Plan, Standing, Tool};
use outlay_host::running;
use outlay_shell::tools;
use serde::Serialize;

use super::Form;
use crate::ask::{ask, can_be_asked};
use crate::failure::{Failure, Outcome};
use crate::look::Tone;
use crate::output::Out;
use crate::proxy;
use crate::session::Session;
use crate::table::{Cell, Column, Table};

/// Options of `connect`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  outlay connect                        which tools are here, and which are connected
  outlay connect codex                  shows what changes in its settings; on a terminal it asks first
  outlay connect codex --dry-run        only shows it
  outlay connect claude-code --statusline --yes
  outlay connect --all --yes            every tool that is found
  outlay connect codex --undo           its settings as they were
  outlay connect --all --refresh        the new address, after the proxy's port has changed

Tools: claude-code codex gemini-cli opencode qwen pi cline aider (and llm, which has no setting).
Only base URLs are written; keys and logins stay where they are.")]
pub(crate) struct Arguments {
    /// The tools
    #[arg(value_name = "TOOL", value_parser = parse_tool)]
    tools: Vec<Tool>,
    /// Every tool that is found (with --undo or --refresh: that is connected)
    #[arg(long, conflicts_with = "tools")]
    all: bool,
    /// Put the settings back as they were
    #[arg(long, conflicts_with_all = ["refresh", "force", "statusline"])]
    undo: bool,
    /// Write the proxy's present address into the settings of all connected tools
    #[arg(long, requires = "all", conflicts_with_all = ["force", "statusline"])]
    refresh: bool,
    /// Show which tools are here [default without a tool]
    #[arg(long, conflicts_with_all = ["tools", "all"])]
    list: bool,
    /// Claude Code shows what `outlay statusline` says
    #[arg(long)]
    statusline: bool,
    /// Replace an address of another gateway
    #[arg(long)]
    force: bool,
    /// Show what would change, and change nothing
    #[arg(long, conflicts_with_all = ["yes", "refresh"])]
    dry_run: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    form: Form,
}

/// `--json` of `connect`.
#[derive(Serialize)]
struct List {
    address: String,
    tools: Vec<Standing>,
}

fn parse_tool(name: &str) -> Result<Tool, String> {
    Tool::named(name).ok_or_else(|| {
        let known: Vec<&str> = Tool::ALL.iter().map(|tool| tool.name()).collect();
        format!("known tools are {}; start any other with outlay run -- {name}", known.join(", "))
    })
}

pub(crate) fn run(session: &Session, options: &Arguments, out: &mut Out) -> Outcome {
    let connections = Connections::new(&session.folders)?;
    let (address, is_running) = match running::find(&session.folders)? {
        Some(proxy) => (proxy.running().address, true),
        None => (session.config.listen, false),
    };
    if options.tools.is_empty() && !options.all {
        return match options.undo || options.statusline || options.force {
            true => {
                Err(Failure::misused("name the tool, or say --all (outlay connect lists them)"))
            }
            false => list(&connections, address, options.form.json, out),
        };
    }
    if options.statusline && !options.tools.contains(&Tool::ClaudeCode) {
        return Err(Failure::misused(
            "--statusline is for claude-code: outlay connect claude-code --statusline",
        ));
    }
    if options.refresh {
        return refresh(&connections, session, address, out);
    }
    let tools = match options.all {
        false => options.tools.clone(),
        true => every(&connections, options.undo)?,
    };
    if tools.is_empty() {
        let which = if options.undo { "connected" } else { "found on this machine" };
        out.line(format!("No tool is {which}."))?;
    }
    if !is_running && !options.undo && !options.dry_run && !options.force {
        refuse_strangers(address)?;
    }
    let target = proxy::target(session, address)?;
    let mut failed = None;
    for tool in &tools {
        let plan = match options.undo {
            true => connections.undo(*tool),
            false => {
                let choices =
                    Choices { statusline: options.statusline && *tool == Tool::ClaudeCode };
                connections.connect(*tool, &target, choices, options.force, session.now)
            }
        };
        let done = plan.map_err(Failure::from).and_then(|plan| match options.undo {
            true => undo(&connections, &plan, options, out),
            false => connect(&connections, &plan, target.base(), options, out),
        });
        match done {
            Ok(()) => {}
            Err(failure) if tools.len() == 1 => return Err(failure),
            // The others need not wait for that one.
            Err(failure) => {
                out.flush()?;
                failure.report();
                failed = Some(failure);
            }
        }
    }
    if !is_running && !options.undo && !options.dry_run && failed.is_none() && !tools.is_empty() {
        eprintln!(
            "outlay: no proxy runs at {} yet, and these tools fail without one: outlay serve",
            target.base()
        );
    }
    Ok(failed.map_or(ExitCode::SUCCESS, |failure| ExitCode::from(failure.code())))
}

/// Those on this machine that have settings, or those connected.
fn every(connections: &Connections, connected: bool) -> Result<Vec<Tool>, Failure> {
    let standings = connections.list()?.into_iter();
    let is_meant = |standing: &Standing| match connected {
        true => standing.is_connected,
        false => standing.is_found && standing.file.is_some(),
    };
    Ok(standings.filter(is_meant).map(|standing| standing.tool).collect())
}

fn connect(
    connections: &Connections,
    plan: &Plan,
    base: &str,
    options: &Arguments,
    out: &mut Out,
) -> Result<(), Failure> {
    let title = plan.tool().title();
    if plan.is_settled() {
        // What stands there may be the user's own doing: from now on it is known.
        plan.write(connections)?;
        out.line(format!("{title} is connected to {base} already; nothing to change."))?;
        return notes(plan, out);
    }
    show(plan, out)?;
    if options.dry_run {
        return nothing_written(out);
    }
    confirm(plan, "Write it?", options, out)?;
    plan.write(connections)?;
    let name = plan.tool().name();
    out.line(format!(
        "{title} is connected to {base}. To take it back: outlay connect {name} --undo"
    ))?;
    notes(plan, out)
}

fn undo(
    connections: &Connections,
    plan: &Plan,
    options: &Arguments,
    out: &mut Out,
) -> Result<(), Failure> {
    let title = plan.tool().title();
    if plan.is_unknown() {
        return out.line(format!("{title} is not connected; nothing to take back."));
    }
    if !plan.is_settled() {
        show(plan, out)?;
        if options.dry_run {
            return nothing_written(out);
        }
        confirm(plan, "Take it back?", options, out)?;
    }
    plan.write(connections)?;
    let file = plan.file().display();
    out.line(match plan.removes_file() {
        true => format!("{title} is not connected any more: {file}, made for that, is removed."),
        false if plan.notes().is_empty() && plan.is_changed_since() => {
            format!(
                "{title} is not connected any more: what else was changed in {file} since stays."
            )
        }
        false if plan.notes().is_empty() => {
            format!("{title} is not connected any more: {file} is as it was.")
        }
        false => {
            format!("{title} is not connected any more: what was changed in {file} since stays.")
        }
    })?;
    notes(plan, out)
}

fn refresh(
    connections: &Connections,
    session: &Session,
    address: SocketAddr,
    out: &mut Out,
) -> Outcome {
    let outcomes = connections.rewrite(address, session.now)?;
    if outcomes.is_empty() {
        out.line("No tool is connected.")?;
    }
    let mut code = ExitCode::SUCCESS;
    for (tool, outcome) in outcomes {
        let base = running::reachable(address);
        match outcome {
            Ok(plan) if plan.is_settled() => {
                out.line(format!("{} sends its calls to http://{base} already.", tool.title()))?;
            }
            Ok(_) => out.line(format!("{} now sends its calls to http://{base}.", tool.title()))?,
            Err(error) => {
                out.flush()?;
                code = Failure::from(error).report();
            }
        }
    }
    Ok(code)
}

fn show(plan: &Plan, out: &mut Out) -> Result<(), Failure> {
    let look = out.look();
    for line in plan.diff().lines() {
        let line = match line.as_bytes().first() {
            Some(b'+') => look.paint(Tone::Good, line),
            Some(b'-') => look.paint(Tone::Bad, line),
            _ => line.to_owned(),
        };
        out.line(line)?;
    }
    Ok(())
}

/// Another program on the port would get the calls of connected tools, and their keys.
pub(super) fn refuse_strangers(address: SocketAddr) -> Result<(), Failure> {
    tools::stranger(address).map_or(Ok(()), |sentence| Err(Failure::Failed(sentence)))
}

fn nothing_written(out: &mut Out) -> Result<(), Failure> {
    out.line("Nothing was written.")
}

fn notes(plan: &Plan, out: &mut Out) -> Result<(), Failure> {
    plan.notes().iter().try_for_each(|note| out.line(format!("Note: {note}.")))
}

/// Asks on a terminal. A script that names a tool means it, and can take it back.
fn confirm(plan: &Plan, question: &str, options: &Arguments, out: &mut Out) -> Result<(), Failure> {
    if options.yes || !can_be_asked() {
        return Ok(());
    }
    let file = plan.file().display();
    match ask(question, true, out)? {
        true => Ok(()),
        false => Err(Failure::failed(format!("{file} stays as it is"))),
    }
}

fn list(connections: &Connections, address: SocketAddr, json: bool, out: &mut Out) -> Outcome {
    let address = format!("http://{}", running::reachable(address));
    let tools = connections.list()?;
    if json {
        out.json(&List { address, tools })?;
        return Ok(ExitCode::SUCCESS);
    }
    let columns = [
        Column::Text("Tool"),
        Column::Text("Here"),
        Column::Text("Connected"),
        Column::Text("Settings"),
    ];
    let mut table = Table::new(&columns).expendable(&["Here"]);
    for standing in &tools {
        let connected = standing.address.as_deref().unwrap_or(match standing.file {
            Some(_) => "no",
            None => "by outlay run",
        });
        let file = standing.file.as_ref().map(|file| file.display().to_string());
        table.row(vec![
            Cell::toned(standing.tool.name(), Tone::Strong),
            Cell::new(here(standing, &std::env::var_os("PATH").unwrap_or_default())),
            Cell::new(connected),
            Cell::new(file.unwrap_or_default()),
        ]);
    }
    out.table(&table)?;
    if let Some(folder) = connections.extension_of_cline() {
        out.line(format!(
            "Cline is an extension here too ({}): give it {address}/anthropic (or another provider) as base URL in its own settings.",
            folder.display()
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether the tool is on this machine, and where, if a shell would not find it.
fn here(standing: &Standing, path: &OsStr) -> String {
    let Some(program) = &standing.program else {
        let has_file = standing.file.as_ref().is_some_and(|file| file.exists());
        return match (standing.is_found, has_file) {
            (true, true) => "its settings",
            (true, false) => "its folder",
            (false, _) => "not found",
        }
        .to_owned();
    };
    let folder = program.parent();
    match std::env::split_paths(path).any(|on_path| Some(on_path.as_path()) == folder) {
        true => "yes".to_owned(),
        false => program.display().to_string(),
    }
}
