//! `outlay dashboard`.

use std::process::ExitCode;

use crate::browser;
use crate::failure::Outcome;
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
    let address = browser::address(&session.folders)?;
    if options.print || !browser::open(&address) {
        out.line(address)?;
    } else {
        let shown = address.split('#').next().unwrap_or_default();
        out.line(format!("Opened {shown} in the browser."))?;
    }
    Ok(ExitCode::SUCCESS)
}
