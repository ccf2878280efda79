//! The `outlay` command: one file per command in [`commands`].

mod ask;
mod base_urls;
mod browser;
mod chart;
mod commands;
mod failure;
mod listening;
mod look;
mod manual;
mod outlook;
mod output;
mod progress;
mod proxy;
mod session;
mod spelling;
mod standing;
mod table;
#[cfg(test)]
mod testing;
mod tools;
mod when;
mod words;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::failure::{Failure, Outcome};
use crate::output::Out;
use crate::session::{Places, Session};

/// A call allocates on one thread what another one frees: libc's allocator has them wait for each
/// other.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Knows what every call to a paid language model cost, and stops spending at your limits.
#[derive(Debug, Parser)]
#[command(name = "outlay", version, max_term_width = 100, after_help = EXAMPLES)]
#[command(arg_required_else_help = true)]
struct Arguments {
    #[command(flatten)]
    places: Places,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  outlay budget set day --limit 5 --window day   stop at $5 a day
  outlay serve                                   start the proxy, its API and the dashboard
  outlay run -- claude                           run a tool through the proxy
  outlay status                                  what was spent, and what is left";

#[derive(Debug, Subcommand)]
enum Command {
    /// Set up in a minute: import logs, suggest limits, connect tools, install the service
    Init(commands::init::Arguments),
    /// Run the proxy, the local API and the dashboard
    Serve(commands::serve::Arguments),
    /// Run a tool with its base URLs pointed at the proxy
    Run(commands::run::Arguments),
    /// Print the settings that point tools at the proxy, for a shell to evaluate
    Env(commands::env::Arguments),
    /// Write the proxy's address into a tool's own settings, or take it out again
    Connect(commands::connect::Arguments),
    /// Show today, this month, budgets, balances and what is blocked
    Status(commands::status::Arguments),
    /// Print one short line for a prompt or a status bar
    Statusline,
    /// Set, show and change limits
    #[command(subcommand)]
    Budget(commands::budget::Command),
    /// Put a named set of hard budgets in use
    #[command(subcommand)]
    Plan(commands::plan::Command),
    /// Let no limit refuse for a while; everything is counted all the same
    Bypass(commands::bypass::Arguments),
    /// Keep account of prepaid credit
    #[command(subcommand)]
    Balance(commands::balance::Command),
    /// Show accounts and the keys that draw on them
    #[command(subcommand)]
    Account(commands::account::Command),
    /// Show and set what models cost
    #[command(subcommand)]
    Prices(commands::prices::Command),
    /// Price usage, or a request or response on standard input, without a call
    Cost(commands::cost::Arguments),
    /// Show spend by day, model, project and so on
    Report(commands::report::Arguments),
    /// Import the usage logs of tools
    Import(commands::import::Arguments),
    /// Write all calls as CSV or JSON
    Export(commands::export::Arguments),
    /// Show the latest calls, refused ones included
    Calls(commands::calls::Arguments),
    /// Tell a script whether it may spend: exit code 0, or 3 if it would be refused
    Check(commands::check::Arguments),
    /// Wait until a script may spend: exit code 0, or 3 when the time is up
    Wait(commands::wait::Arguments),
    /// Say why a call was refused, made to wait, capped or ended
    Explain(commands::explain::Arguments),
    /// Show what fired, and whether it was delivered
    Alerts(commands::alerts::Arguments),
    /// Keep the proxy running: at each login, and after it ends
    #[command(subcommand)]
    Service(commands::service::Command),
    /// Take Outlay off this machine; what it recorded stays unless you say otherwise
    Uninstall(commands::uninstall::Arguments),
    /// Look for what is wrong on this machine
    Doctor(commands::doctor::Arguments),
    /// Open the dashboard of the running proxy
    Dashboard(commands::dashboard::Arguments),
    /// Write a consistent copy of the ledger, also while it is in use
    Backup(commands::backup::Arguments),
    /// Delete old calls; reports keep their sums
    Prune(commands::prune::Arguments),
    /// Print a script that completes commands in a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the manual pages into a folder
    #[command(hide = true)]
    Manual {
        /// The folder, made where it is missing
        folder: PathBuf,
    },
}

/// The commands as clap knows them.
fn definition() -> clap::Command {
    Arguments::command()
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return wrong_use(&error),
    };
    let mut out = Out::stdout();
    let outcome = run(arguments, &mut out).and_then(|code| out.flush().map(|()| code));
    outcome.unwrap_or_else(|failure| {
        // What was printed before it failed is still of use.
        drop(out.flush());
        failure.report()
    })
}

fn run(arguments: Arguments, out: &mut Out) -> Outcome {
    if let Some(outcome) = run_without_session(&arguments, out) {
        return outcome;
    }
    let mut session = Session::new(&arguments.places)?;
    match arguments.command {
        Command::Init(options) => commands::init::run(&session, &arguments.places, &options, out),
        Command::Serve(options) => {
            commands::serve::run(&mut session, &arguments.places, &options, out)
        }
        Command::Run(options) => commands::run::run(&session, &options),
        Command::Env(options) => commands::env::run(&session, &options, out),
        Command::Connect(options) => commands::connect::run(&session, &options, out),
        Command::Status(options) => commands::status::run(&session, &options, out),
        Command::Statusline => commands::statusline::run(&session, out),
        Command::Budget(command) => commands::budget::run(&session, command, out),
        Command::Plan(command) => commands::plan::run(&session, command, out),
        Command::Bypass(options) => commands::bypass::run(&session, &options, out),
        Command::Balance(command) => commands::balance::run(&session, command, out),
        Command::Account(command) => commands::account::run(&session, command, out),
        Command::Prices(command) => commands::prices::run(&session, command, out),
        Command::Cost(options) => commands::cost::run(&session, &options, out),
        Command::Report(options) => commands::report::run(&session, &options, out),
        Command::Import(options) => commands::import::run(&session, &options, out),
        Command::Export(options) => commands::export::run(&session, &options, out),
        Command::Calls(options) => commands::calls::run(&session, &options, out),
        Command::Check(options) => commands::check::run(&session, &options, out),
        Command::Wait(options) => commands::wait::run(&session, &options, out),
        Command::Explain(options) => commands::explain::run(&session, &options, out),
        Command::Alerts(options) => commands::alerts::run(&session, &options, out),
        Command::Dashboard(options) => commands::dashboard::run(&session, &options, out),
        Command::Backup(options) => commands::backup::run(&session, &options, out),
        Command::Prune(options) => commands::prune::run(&session, &options, out),
        Command::Service(command) => {
            commands::service::run(&session, &arguments.places, &command, out)
        }
        Command::Uninstall(_)
        | Command::Doctor(_)
        | Command::Completions { .. }
        | Command::Manual { .. } => Ok(ExitCode::SUCCESS),
    }
}

/// Those that need no ledger, and no configuration that can be read.
fn run_without_session(arguments: &Arguments, out: &mut Out) -> Option<Outcome> {
    match &arguments.command {
        // It looks at the configuration itself, which may be what is wrong.
        Command::Doctor(options) => Some(commands::doctor::run(&arguments.places, options, out)),
        // A configuration that cannot be read must not keep anybody.
        Command::Uninstall(options) => {
            Some(commands::uninstall::run(&arguments.places, options, out))
        }
        Command::Completions { shell } => Some(print_completions(*shell, out)),
        Command::Manual { folder } => Some(write_manual(folder, out)),
        _ => None,
    }
}

fn print_completions(shell: clap_complete::Shell, out: &mut Out) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut definition(), "outlay", &mut script);
    out.writer().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}

fn write_manual(folder: &Path, out: &mut Out) -> Outcome {
    let pages = manual::write(definition(), folder).map_err(|error| {
        Failure::Failed(format!("{} could not be filled: {error}", folder.display()))
    })?;
    out.line(format!("Wrote {pages} pages to {}.", folder.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// Help and version go to stdout as clap writes them; anything else is one sentence on stderr.
fn wrong_use(error: &clap::Error) -> ExitCode {
    use clap::error::ErrorKind;
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // A closed pipe is no reason to complain about help.
            drop(error.print());
            ExitCode::SUCCESS
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            drop(error.print());
            ExitCode::from(2)
        }
        _ => {
            let typed: Vec<String> = std::env::args().skip(1).collect();
            Failure::Misused(sentence_of(&error.render().to_string(), &typed)).report()
        }
    }
}

/// What clap spreads over several lines, in one: the error about what was typed and its tips, without the usage.
fn sentence_of(rendered: &str, typed: &[impl AsRef<str>]) -> String {
    let body = rendered.split("\nUsage:").next().unwrap_or(rendered);
    let body = body.split("\nFor more information").next().unwrap_or(body);
    let words: Vec<&str> = body.split_whitespace().collect();
    let sentence = words.join(" ");
    let sentence = sentence.strip_prefix("error: ").unwrap_or(&sentence).replace(" tip: ", "; ");
    let sentence = sentence
        .replace("invalid digit found in string", "it takes a whole number")
        .replace("cannot parse integer from empty string", "it takes a whole number")
        .replace("0 is not in 1..=4294967295", "it takes 1 or more")
        .replace("number too large to fit in target type", "the number is too large");
    // What a tool's own arguments could be taken for.
    if let [run, tool, ..] = typed
        && run.as_ref() == "run"
        && sentence.starts_with("unexpected argument")
    {
        let tool = tool.as_ref();
        return format!("{sentence}: a command comes after two dashes, outlay run -- {tool}");
    }
    if sentence.starts_with("unexpected argument '--model'")
        && typed.first().is_some_and(|command| command.as_ref() == "cost")
    {
        return "the model comes without --model: outlay cost MODEL --input N --output N"
            .to_owned();
    }
    format!("{sentence} ({} --help shows what there is)", command_of(typed))
}

/// The command that was meant, as far as there is one: `outlay budget set`.
fn command_of(typed: &[impl AsRef<str>]) -> String {
    let root = definition();
    let (mut command, mut words) = (&root, vec![root.get_name()]);
    let mut typed = typed.iter().map(AsRef::as_ref);
    while let Some(word) = typed.next() {
        if let Some(option) = word.strip_prefix("--") {
            let takes_value =
                |arg: &clap::Arg| arg.get_long() == Some(option) && arg.get_action().takes_values();
            if command.get_arguments().any(takes_value) {
                typed.next();
            }
            continue;
        }
        let Some(next) = command.find_subcommand(word) else { break };
        words.push(next.get_name());
        command = next;
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_of_the_commands_is_sound() {
        definition().debug_assert();
    }

    #[test]
    fn wrong_use_is_one_sentence() {
        for (words, part) in [
            (&["outlay", "docter"][..], "unrecognized subcommand 'docter'; a similar subcommand"),
            (&["outlay", "docter"], "(outlay --help shows"),
            (&["outlay", "backup"], "following required arguments"),
            (&["outlay", "budget", "set"], "(outlay budget set --help shows what there is)"),
            (&["outlay", "--data-dir", "budget", "status", "--x"], "(outlay status --help shows"),
            (&["outlay", "budget", "set", "day", "--window"], "--window <WINDOW>"),
            (
                &["outlay", "calls", "--limit", "x"],
                "'x' for '--limit <N>': it takes a whole number",
            ),
            (&["outlay", "calls", "--limit", "0"], "'0' for '--limit <N>': it takes 1 or more"),
            (&["outlay", "cost", "--model", "gpt-4o"], "comes without --model: outlay cost MODEL"),
            (&["outlay", "run", "claude"], "comes after two dashes, outlay run -- claude"),
            (&["outlay", "calls", "--limit", "9999999999"], "'--limit <N>': 9999999999 is not in"),
        ] {
            let error = Arguments::try_parse_from(words).unwrap_err();
            let sentence = sentence_of(&error.render().to_string(), &words[1..]);
            assert!(sentence.contains(part), "{sentence}");
            assert!(!sentence.contains('\n') && !sentence.contains("Usage"), "{sentence}");
        }
    }
}
