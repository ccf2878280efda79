//! `outlay budget`.

pub(in crate::commands) mod set;
mod show;

use std::process::ExitCode;

use outlay_core::budget::{Budget, Scope, Window};
use outlay_core::ledger::Ledger;
use outlay_core::refusal::quoted;
use outlay_core::report::{self, BudgetState, BudgetView, By};

use super::Form;
use crate::failure::{Failure, Outcome};
use crate::output::Out;
use crate::session::Session;
use crate::spelling;
use crate::standing;
use crate::when::{self, Direction};
use crate::words;

const ACTOR: &str = "cli";

/// The commands about budgets.
#[derive(Debug, clap::Subcommand)]
#[command(after_help = EXAMPLES)]
pub(crate) enum Command {
    /// Create a budget, or change what is named of it
    Set(Box<set::Arguments>),
    /// Show every budget
    List {
        #[command(flatten)]
        form: Form,
    },
    /// Show one budget with its settings
    Show {
        /// The budget
        name: String,
        #[command(flatten)]
        form: Form,
    },
    /// Show what was done to a budget, also after it was removed
    History {
        /// The budget
        name: String,
        #[command(flatten)]
        form: Form,
    },
    /// Remove a budget; its history stays
    Rm {
        /// The budget
        name: String,
        /// Nothing is asked; scripts that say so anyway are right
        #[arg(long, hide = true)]
        yes: bool,
    },
    /// Raise a limit for a while: until the period ends, or as said
    Raise {
        /// The budget
        name: String,
        /// How much more, in the budget's unit
        #[arg(
            long,
            value_name = "N",
            allow_negative_numbers = true,
            required_unless_present = "off"
        )]
        by: Option<String>,
        /// Until when: a date, a time (18:00), a duration (2h) or midnight
        #[arg(long, value_name = "WHEN")]
        until: Option<String>,
        /// Take its raises back before they end
        #[arg(long, conflicts_with_all = ["by", "until"])]
        off: bool,
    },
    /// Let a budget count and refuse nothing, for a while or until it is resumed
    Pause {
        /// The budget
        name: String,
        /// For how long: 30m, 2h, 1d [default: until it is resumed]
        #[arg(long = "for", value_name = "D")]
        duration: Option<String>,
    },
    /// Let a paused budget refuse again
    Resume {
        /// The budget
        name: String,
    },
    /// Add to the reserve that is used after a period's limit and never expires
    Topup {
        /// The budget
        name: String,
        /// How much more, in the budget's unit
        #[arg(
            long,
            value_name = "N",
            allow_negative_numbers = true,
            required_unless_present = "off"
        )]
        by: Option<String>,
        /// Take back what is left of the reserve
        #[arg(long, conflicts_with = "by")]
        off: bool,
    },
}

const EXAMPLES: &str = "\
Examples:
  outlay budget set day --limit 5 --window day
  outlay budget set opus --limit 40 --window month --model 'claude-opus-*' --soft
  outlay budget set claude --limit 10 --window 5h --client claude-code
  outlay budget raise day --by 2 --until 18:00
  outlay budget pause day --for 2h";

/// `GET /api/v1/budgets`.
#[derive(serde::Serialize)]
struct Budgets {
    budgets: Vec<BudgetView>,
}

pub(crate) fn run(session: &Session, command: Command, out: &mut Out) -> Outcome {
    let ledger = session.ledger()?;
    let now = session.now;
    match command {
        Command::Set(options) => {
            let is_new = report::budget(&ledger, &options.name, now)?.is_none();
            let change = options.change(&ledger, session)?;
            let budget = ledger.set_budget(change, ACTOR, now, session.zone).wait()?;
            let done = if is_new { "is set" } else { "is changed" };
            out.line(format!("Budget '{}' {done}: {}", budget.name, rule(&budget)))?;
            tell(&ledger, session, &budget.name, out)?;
            if let Some(provider) = &budget.scope.provider {
                out.lines(spelling::provider(session, provider)?)?;
            }
            out.lines(slips(session, &ledger, &budget.scope)?)?;
        }
        Command::List { form } => {
            let budgets = report::budgets(&ledger, now)?;
            if form.json {
                out.json(&Budgets { budgets })?;
            } else if budgets.is_empty() {
                out.line("No budget is set: outlay budget set day --limit 5 --window day")?;
            } else {
                out.table(&standing::budgets(&budgets, now, session.zone))?;
                out.lines(standing::outlooks(&budgets, now, session.zone))?;
            }
        }
        Command::Show { name, form } => {
            let view = find(&ledger, session, &name)?;
            if form.json {
                out.json(&view)?;
            } else {
                show::budget(&view, &set::settings(&ledger, &name)?, session, out)?;
            }
        }
        Command::History { name, form } => {
            let events = ledger.budget_history(&name)?;
            show::history(events, session, form, out)?;
        }
        Command::Rm { name, .. } => {
            let budget = ledger.remove_budget(name, ACTOR, now).wait()?;
            let name = &budget.name;
            out.line(format!(
                "Budget '{name}' is removed and limits nothing any more; outlay budget history {} still tells what it was.",
                quoted(name)
            ))?;
        }
        Command::Raise { name, by: Some(by), until, .. } => {
            raise(&ledger, session, name, by, until.as_deref(), out)?;
        }
        Command::Raise { name, by: None, .. } => lower(&ledger, session, name, out)?,
        Command::Pause { name, duration } => {
            pause(&ledger, session, name, duration.as_deref(), out)?;
        }
        Command::Resume { name } => resume(&ledger, session, &name, out)?,
        Command::Topup { name, by: Some(by), .. } => top_up(&ledger, session, name, by, out)?,
        Command::Topup { name, by: None, .. } => empty_reserve(&ledger, session, name, out)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn raise(
    ledger: &Ledger,
    session: &Session,
    name: String,
    by: String,
    until: Option<&str>,
    out: &mut Out,
) -> Result<(), Failure> {
    let now = session.now;
    let until = until.map(|text| when::parse(text, Direction::Future, now, session.zone));
    let until = until.transpose().map_err(Failure::Misused)?;
    let (budget, until) = ledger.raise_budget(name, by, until, ACTOR, now).wait()?;
    let end = until.map_or_else(
        || "for good".to_owned(),
        |end| format!("until {}", when::shown(end, now, session.zone)),
    );
    out.line(format!("Budget '{}' is raised {end}.", budget.name))?;
    tell(ledger, session, &budget.name, out).map(drop)
}

fn lower(ledger: &Ledger, session: &Session, name: String, out: &mut Out) -> Result<(), Failure> {
    let (budget, by) = ledger.lower_budget(name, ACTOR, session.now).wait()?;
    let name = &budget.name;
    out.line(match by.count {
        0 => format!("Budget '{name}' was not raised."),
        _ => format!(
            "Budget '{name}' is lowered by {} again: its raises are taken back.",
            by.spoken()
        ),
    })?;
    let view = tell(ledger, session, name, out)?;
    tell_reserve(&view, out)
}

fn top_up(
    ledger: &Ledger,
    session: &Session,
    name: String,
    by: String,
    out: &mut Out,
) -> Result<(), Failure> {
    let now = session.now;
    let budget = ledger.top_up_budget(name, by, ACTOR, now).wait()?;
    let view = find(ledger, session, &budget.name)?;
    out.line(format!(
        "Budget '{}' has {} in reserve, used after a period's limit.",
        view.name,
        view.credits_remaining.spoken()
    ))?;
    tell_reserve(&view, out)?;
    let refuses = standing::refuses(&view, now, session.zone, out.look());
    out.lines(refuses)
}

fn empty_reserve(
    ledger: &Ledger,
    session: &Session,
    name: String,
    out: &mut Out,
) -> Result<(), Failure> {
    let (budget, left) = ledger.empty_budget_reserve(name, ACTOR, session.now).wait()?;
    let name = &budget.name;
    out.line(match left.count {
        0 => format!("Budget '{name}' has no reserve."),
        _ => format!("Budget '{name}' has no reserve any more: {} is taken back.", left.spoken()),
    })
}

/// What a raise has paid for that is over, the reserve pays for.
fn tell_reserve(view: &BudgetView, out: &mut Out) -> Result<(), Failure> {
    if view.credits_remaining.count > 0 && view.used.count > view.limit.count {
        out.line("What is used beyond the limit comes out of the reserve with the next call.")?;
    }
    Ok(())
}

fn pause(
    ledger: &Ledger,
    session: &Session,
    name: String,
    duration: Option<&str>,
    out: &mut Out,
) -> Result<(), Failure> {
    let now = session.now;
    let until = duration.map(|text| when::after(text, now)).transpose();
    let until = until.map_err(Failure::Misused)?;
    let name = ledger.pause_budget(name, until, ACTOR, now).wait()?.name;
    let end = until.map_or_else(
        || format!("until outlay budget resume {}", quoted(&name)),
        |until| format!("until {}", when::shown(until, now, session.zone)),
    );
    out.line(format!("Budget '{name}' is paused {end}: it counts and refuses nothing."))
}

fn resume(ledger: &Ledger, session: &Session, name: &str, out: &mut Out) -> Result<(), Failure> {
    let was = find(ledger, session, name)?.state;
    ledger.resume_budget(name.to_owned(), ACTOR, session.now).wait()?;
    let done = match was {
        BudgetState::Paused => "is resumed",
        _ => "was not paused",
    };
    out.line(format!("Budget '{name}' {done}."))?;
    tell(ledger, session, name, out).map(drop)
}

fn find(ledger: &Ledger, session: &Session, name: &str) -> Result<BudgetView, Failure> {
    let budgets = report::budgets(ledger, session.now)?;
    let names: Vec<&str> = budgets.iter().map(|budget| budget.name.as_str()).collect();
    let known = if names.is_empty() {
        "there are none yet: outlay budget set NAME --limit 5 --window day".to_owned()
    } else {
        format!("the budgets are: {}", names.join(", "))
    };
    let missing = Failure::Failed(format!("there is no budget '{name}'; {known}"));
    budgets.into_iter().find(|budget| budget.name == name).ok_or(missing)
}

/// What of a scope no call has, though some have something much like it.
fn slips(session: &Session, ledger: &Ledger, scope: &Scope) -> Result<Vec<String>, Failure> {
    let values = [
        (By::Account, "account", &scope.account),
        (By::Model, "model", &scope.model),
        (By::Project, "project", &scope.project),
        (By::Client, "client", &scope.client),
    ];
    let named = values.into_iter().filter_map(|(by, called, value)| {
        let value = value.as_deref().filter(|value| !value.contains(['*', '?', '[']))?;
        Some((by, (called, value)))
    });
    let notes = named.map(|(by, named)| spelling::value(session, ledger, by, named));
    Ok(notes.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// How it stands now.
fn tell(
    ledger: &Ledger,
    session: &Session,
    name: &str,
    out: &mut Out,
) -> Result<BudgetView, Failure> {
    let view = find(ledger, session, name)?;
    let limit = show::limit(&view, session);
    let used = format!("{} of {limit} used", view.used.spoken());
    let resets = view.reset_date.map_or_else(String::new, |reset| {
        format!(", resets {}", when::shown(reset, session.now, session.zone))
    });
    out.line(format!("{used}{resets}."))?;
    let refuses = standing::refuses(&view, session.now, session.zone, out.look());
    out.lines(refuses)?;
    Ok(view)
}

/// What it is, in a sentence's end.
fn rule(budget: &Budget) -> String {
    let limit = outlay_core::budget::Quantity { unit: budget.unit, count: budget.limit };
    let kind = budget.kind.as_str();
    let window = match budget.window {
        Window::Call => "for each call".to_owned(),
        Window::Total => "in total".to_owned(),
        Window::Rolling { span } => format!("in any {span}"),
        window => format!("a {} ({})", window.name(), budget.timezone.name()),
    };
    let counts = match standing::scope(&budget.scope) {
        everything if everything.is_empty() => String::new(),
        scope => format!(", counting {scope}"),
    };
    let warns: Vec<String> =
        budget.warn_percent.iter().map(|percent| format!("{percent} %")).collect();
    let warns = match warns.as_slice() {
        [] => String::new(),
        percents => format!(", warning at {}", words::listed(percents)),
    };
    format!("{kind}, {} {window}{counts}{warns}.", limit.spoken())
}

/// Whether calls of models without a price pass this hard budget.
pub(super) fn allows_unpriced(ledger: &Ledger, name: &str) -> bool {
    set::settings(ledger, name).is_ok_and(|settings| settings.allow_unpriced)
}
