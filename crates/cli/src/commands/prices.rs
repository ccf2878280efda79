//! `outlay prices`.

mod set;
mod show;

use std::process::ExitCode;

use outlay_core::report::{self, PriceFilter, Prices};

pub(super) use self::show::{find, unknown};

use super::Form;
use crate::failure::{Failure, Outcome};
use crate::output::Out;
use crate::session::Session;

/// The commands about prices.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Show every known price, per million tokens
    #[command(after_help = "Example:\n  outlay prices list --provider anthropic opus")]
    List {
        /// Only models whose name contains this
        search: Option<String>,
        /// Only this provider's
        #[arg(long)]
        provider: Option<String>,
        #[command(flatten)]
        form: Form,
    },
    /// Show what a model costs, with every tier
    Show(show::Arguments),
    /// Set what a model costs, for calls from now on
    Set(set::Arguments),
}

pub(crate) fn run(session: &Session, command: Command, out: &mut Out) -> Outcome {
    match command {
        Command::List { search, provider, form } => {
            let provider = provider.as_deref().map(listed_provider);
            let filter = PriceFilter { provider, search, ..PriceFilter::default() };
            let prices = report::prices(&session.ledger()?, &filter, session.now)?;
            if form.json {
                out.json(&prices)?;
            } else {
                list(&prices, out)?;
            }
        }
        Command::Show(options) => show::run(session, &options, out)?,
        Command::Set(options) => set::run(session, &options, out)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn list(prices: &Prices, out: &mut Out) -> Result<(), Failure> {
    if prices.prices.is_empty() {
        return out.line("No price matches: outlay prices list shows all.");
    }
    out.table(&show::table(&prices.prices))?;
    out.line(format!("US dollars per million tokens; {}.", prices.source))
}

/// The price list's name for a provider of ours.
fn listed_provider(name: &str) -> String {
    match name {
        "gemini" | "vertex" => "google",
        "bedrock" => "aws",
        "xai" => "x-ai",
        "moonshot" => "moonshotai",
        other => other,
    }
    .to_owned()
}
