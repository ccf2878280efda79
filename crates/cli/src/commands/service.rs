//! `outlay service`: the proxy runs at each login, and again where it ends.

use std::process::ExitCode;

use outlay_host::service::{self, Activity, ServiceError};
use outlay_shell::service::Standing;

use super::Form;
use crate::failure::{Failure, Outcome};
use crate::output::Out;
use crate::session::{Places, Session};
use crate::when;

/// Exit codes of `service status`, as systemctl has them.
const NOT_RUNNING: u8 = 3;
const NOT_INSTALLED: u8 = 1;

/// The commands about the service.
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
Examples:
  outlay service install         a systemd user unit, a launchd agent or a Windows task
  outlay service status          exit code 0 where it runs, 3 where not, 1 where there is none
  outlay service restart         running calls end first; with systemd new ones wait meanwhile
  outlay service uninstall")]
pub(crate) enum Command {
    /// Run the proxy from now on and at each login
    Install,
    /// End the service and remove its files; what it recorded stays
    Uninstall,
    /// Say whether it is installed and runs, where, and since when
    Status {
        #[command(flatten)]
        form: Form,
    },
    /// Let running calls end, and go on with the program as it is now
    Restart,
}

pub(crate) fn run(session: &Session, places: &Places, command: &Command, out: &mut Out) -> Outcome {
    match command {
        Command::Install => install(session, places, out)?,
        Command::Uninstall => uninstall(out)?,
        Command::Restart => {
            service::restart()?;
            out.line("The service has been restarted.")?;
        }
        Command::Status { form } => return status(session, *form, out),
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn install(session: &Session, places: &Places, out: &mut Out) -> Result<(), Failure> {
    let named = (places.data_dir.is_some(), places.config.is_some());
    let told = outlay_shell::service::install(&session.folders, named, session.config.listen)?;
    told.into_iter().try_for_each(|sentence| out.line(sentence))
}

pub(super) fn uninstall(out: &mut Out) -> Result<(), Failure> {
    let told = outlay_shell::service::uninstall()?;
    told.into_iter().try_for_each(|sentence| out.line(sentence))
}

fn status(session: &Session, form: Form, out: &mut Out) -> Outcome {
    let standing = Standing::look(&session.folders);
    let code = match (standing.installed, standing.state.activity) {
        (false, _) => NOT_INSTALLED,
        (true, Activity::Running) => 0,
        (true, _) => NOT_RUNNING,
    };
    if form.json {
        out.json(&standing)?;
    } else {
        out.lines(standing.sentences(|at| when::shown(at, session.now, session.zone)))?;
    }
    Ok(ExitCode::from(code))
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Failure {
        Failure::failed(error)
    }
}
