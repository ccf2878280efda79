//! `outlay dashboard`.

use std::process::{Command, ExitCode, Stdio};

use outlay_host::running;

use crate::failure::{Failure, Outcome};
use crate::output::Out;
use crate::session::Session;

/// Options of `dashboard`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Print the address instead of opening it; its login code is good once, for a minute
    #[arg(long)]
    print: bool,
}

pub(crate) fn run(session: &Session, options: &Arguments, out: &mut Out) -> Outcome {
    let proxy = running::find(&session.folders)?.ok_or_else(|| {
        Failure::failed("no proxy is running that could show it: start one with outlay serve")
    })?;
    let address = format!("{}/#code={}", proxy.base_url(), proxy.login_code()?);
    if options.print || !open(&address) {
        out.line(address)?;
    } else {
        out.line(format!("Opened {}/ in the browser.", proxy.base_url()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether a browser took it.
fn open(address: &str) -> bool {
    let opener: &[&str] = if cfg!(target_os = "macos") {
        &["open"]
    } else if cfg!(windows) {
        &["rundll32", "url.dll,FileProtocolHandler"]
    } else {
        &["xdg-open"]
    };
    Command::new(opener[0])
        .args(&opener[1..])
        .arg(address)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
