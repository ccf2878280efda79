//! `outlay uninstall`.

use std::process::ExitCode;

use outlay_host::folders::Folders;
use outlay_host::{running, service};

use crate::ask::{ask, can_be_asked};
use crate::failure::{Failure, Outcome};
use crate::output::Out;
use crate::session::Places;
use crate::tools;

/// Options of `uninstall`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  outlay uninstall                   asks first, and before it removes what was recorded
  outlay uninstall --yes             asks nothing, and keeps what was recorded
  outlay uninstall --purge --yes     removes it too, and the configuration")]
pub(crate) struct Arguments {
    /// Ask nothing
    #[arg(long)]
    yes: bool,
    /// Keep the data folder, without asking
    #[arg(long, conflicts_with = "purge")]
    keep_data: bool,
    /// Remove the data folder and the configuration
    #[arg(long)]
    purge: bool,
}

pub(crate) fn run(places: &Places, options: &Arguments, out: &mut Out) -> Outcome {
    if !options.yes && !can_be_asked() {
        return Err(Failure::misused(
            "nobody can be asked here: outlay uninstall --yes removes Outlay and keeps what was recorded (--purge --yes: that too)",
        ));
    }
    let folders = Folders::new(places.data_dir.clone(), places.config.clone())?;
    refuse_while_used(&folders)?;
    let question = "Uninstall Outlay: put tools' settings back, remove the service?";
    if !options.yes && !ask(question, true, out)? {
        out.line("Nothing was changed.")?;
        return Ok(ExitCode::SUCCESS);
    }
    let purge = is_purged(options, &folders, out)?;
    let tools = tools::put_back(&folders)?;
    if tools.is_empty() {
        out.line("No tool's own settings point at Outlay.")?;
    }
    out.lines(tools)?;
    super::service::uninstall(out)?;
    match service::autostart()? {
        Some(file) => out.line(format!("Removed {}.", file.display()))?,
        None => out.line("The desktop app did not start at login.")?,
    }
    remove_files(&folders, purge, options.purge, out)?;
    let program = std::env::current_exe()
        .map_or_else(|_| "the program".to_owned(), |program| program.display().to_string());
    out.line(format!("{program} is still there: remove it the way it was installed."))?;
    Ok(ExitCode::SUCCESS)
}

/// A proxy that somebody started by hand is theirs to end.
fn refuse_while_used(folders: &Folders) -> Result<(), Failure> {
    let Some(proxy) = running::find(folders).ok().flatten() else { return Ok(()) };
    let pid = proxy.running().pid;
    if service::state().pid == Some(pid) {
        return Ok(());
    }
    Err(Failure::Failed(format!(
        "a proxy that no service started runs at {} (process {pid}): end it first, then run outlay uninstall again",
        proxy.base_url()
    )))
}

/// Whether the data folder goes.
fn is_purged(options: &Arguments, folders: &Folders, out: &mut Out) -> Result<bool, Failure> {
    if options.keep_data || (options.yes && !options.purge) || !folders.data().exists() {
        return Ok(options.purge);
    }
    if options.yes {
        return Ok(true);
    }
    let data = folders.data().display();
    ask(&format!("Remove {data}, with every call ever recorded?"), false, out)
}

fn remove_files(
    folders: &Folders,
    purge: bool,
    with_config: bool,
    out: &mut Out,
) -> Result<(), Failure> {
    let (data, config) = (folders.data(), folders.config());
    if !purge {
        let keeps = if data.exists() { "keeps what was recorded" } else { "was never there" };
        return out.line(format!("{} {keeps}.", data.display()));
    }
    let kept = folders.remove_data()?;
    if kept.is_empty() {
        out.line(format!("Removed {}.", data.display()))?;
    } else {
        let names: Vec<String> = kept.iter().map(|path| path.display().to_string()).collect();
        out.line(format!(
            "Removed what Outlay made; not its own, and kept: {}.",
            names.join(", ")
        ))?;
    }
    if with_config && folders.remove_config()? {
        out.line(format!("Removed {}.", config.display()))?;
    }
    Ok(())
}
