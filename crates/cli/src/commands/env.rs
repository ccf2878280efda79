//! `outlay env`: the settings of `run` as lines for a shell.

use std::process::ExitCode;

use outlay_host::running;

use super::connect;
use crate::base_urls::{self, Attribution};
use crate::failure::Outcome;
use crate::output::Out;
use crate::session::Session;

/// Options of `env`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  eval \"$(outlay env)\"
  outlay env --shell fish | source
  outlay env --shell powershell | Out-String | Invoke-Expression")]
pub(crate) struct Arguments {
    /// Attribute the calls to this project
    #[arg(long, env = "OUTLAY_PROJECT", hide_env_values = true)]
    project: Option<String>,
    /// Whose syntax [default: the shell's that is in use]
    #[arg(long, value_enum)]
    shell: Option<Shell>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Shell {
    Sh,
    Fish,
    Powershell,
}

pub(crate) fn run(session: &Session, options: &Arguments, out: &mut Out) -> Outcome {
    let base = match running::find(&session.folders)? {
        Some(proxy) => proxy.base_url(),
        None => {
            let address = running::reachable(session.config.listen);
            connect::refuse_strangers(address)?;
            // To stderr: a shell evaluates the rest.
            eprintln!(
                "outlay: no proxy runs yet; these settings hold once one does at {address}: outlay serve"
            );
            format!("http://{address}")
        }
    };
    let shell = options.shell.unwrap_or_else(Shell::current);
    let project = options.project.clone().filter(|project| !project.is_empty());
    let base = Attribution { project, ..Attribution::default() }.base(&base);
    let no_proxy = base_urls::no_proxy(|name| std::env::var(name).ok());
    for (name, value) in base_urls::variables(&base).into_iter().chain(no_proxy) {
        out.line(shell.line(name, &value))?;
    }
    Ok(ExitCode::SUCCESS)
}

impl Shell {
    fn current() -> Shell {
        let shell = std::env::var("SHELL").unwrap_or_default();
        match shell.rsplit('/').next() {
            Some("fish") => Shell::Fish,
            Some("") | None if cfg!(windows) => Shell::Powershell,
            _ => Shell::Sh,
        }
    }

    fn line(self, name: &str, value: &str) -> String {
        match self {
            Shell::Sh => format!("export {name}='{}'", value.replace('\'', "'\\''")),
            Shell::Fish => {
                format!("set -gx {name} '{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
            }
            Shell::Powershell => format!("$env:{name} = '{}'", value.replace('\'', "''")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shell_gets_its_own_quotes() {
        for (shell, expected) in [
            (Shell::Sh, r"export A='it'\''s'"),
            (Shell::Fish, r"set -gx A 'it\'s'"),
            (Shell::Powershell, "$env:A = 'it''s'"),
        ] {
            assert_eq!(shell.line("A", "it's"), expected);
        }
    }
}
