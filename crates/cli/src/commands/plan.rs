//! `outlay plan`: named sets of hard budgets.

use std::process::ExitCode;

use outlay_core::ledger::Plan;
use outlay_core::report::{self, Plans, ReplacedLimit};

use super::Form;
use crate::ask::{ask, can_be_asked};
use crate::failure::{Failure, Outcome};
use crate::look::Tone;
use crate::output::Out;
use crate::session::Session;
use crate::standing;
use crate::table::{Cell, Column, Table};

const ACTOR: &str = "cli";

/// The commands about plans.
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
Examples:
  outlay plan list
  outlay plan use solo           asks before it replaces a budget of yours
  outlay plan use solo --yes
  outlay plan use unlimited      take a plan's budgets away again

Your own plans go into outlay.toml:
  [plans.mine]
  day = \"5.00\"
  month = \"80.00\"")]
pub(crate) enum Command {
    /// Show the plans there are, built-in and configured
    List {
        #[command(flatten)]
        form: Form,
    },
    /// Set a plan's budgets, and remove those of the plan before it
    Use {
        /// The plan
        name: String,
        /// Replace budgets of your own without asking
        #[arg(long, short)]
        yes: bool,
    },
    /// Show the plan in use and how its budgets stand
    Show {
        #[command(flatten)]
        form: Form,
    },
}

pub(crate) fn run(session: &Session, command: Command, out: &mut Out) -> Outcome {
    let plans = session.config.all_plans();
    match command {
        Command::List { form } => list(session, plans, form, out)?,
        Command::Use { name, yes } => put_in_use(session, &plans, &name, yes, out)?,
        Command::Show { form } => show(session, plans, form, out)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn list(session: &Session, plans: Vec<Plan>, form: Form, out: &mut Out) -> Result<(), Failure> {
    let plans = report::plans(&session.ledger()?, plans)?;
    if form.json { out.json(&plans) } else { out.table(&table(&plans)) }
}

fn table(plans: &Plans) -> Table {
    let mut table = Table::new(&[
        Column::Text("Plan"),
        Column::Decimal("A day"),
        Column::Decimal("A week"),
        Column::Decimal("A month"),
        Column::Decimal("In all"),
        Column::Text(""),
    ]);
    for plan in &plans.plans {
        let limit = |limit: Option<_>| Cell::known(limit.map(|limit| format!("${limit}")));
        let is_used = plans.plan.as_deref() == Some(plan.name.as_str());
        table.row([
            Cell::toned(&plan.name, Tone::Strong),
            limit(plan.day),
            limit(plan.week),
            limit(plan.month),
            limit(plan.total),
            Cell::toned(if is_used { "in use" } else { "" }, Tone::Good),
        ]);
    }
    table
}

/// The user's own limits are not replaced without a word.
fn may_replace(
    plan: &Plan,
    replaced: &[ReplacedLimit],
    is_yes: bool,
    out: &mut Out,
) -> Result<bool, Failure> {
    let own: Vec<String> =
        replaced.iter().filter(|budget| budget.is_own).map(ReplacedLimit::spoken).collect();
    if own.is_empty() || is_yes {
        return Ok(true);
    }
    let own = own.join(", ");
    if !can_be_asked() {
        return Err(Failure::Misused(format!(
            "plan '{0}' would replace limits that you set: {own}: outlay plan use {0} --yes does it",
            plan.name
        )));
    }
    ask(&format!("Plan '{}' replaces limits that you set: {own}. Use it?", plan.name), false, out)
}

fn put_in_use(
    session: &Session,
    plans: &[Plan],
    name: &str,
    is_yes: bool,
    out: &mut Out,
) -> Result<(), Failure> {
    let Some(plan) = plans.iter().find(|plan| plan.name == name) else {
        let names: Vec<&str> = plans.iter().map(|plan| plan.name.as_str()).collect();
        return Err(Failure::Failed(format!(
            "there is no plan '{name}'; the plans are: {}",
            names.join(", ")
        )));
    };
    let ledger = session.ledger()?;
    let replaced = report::replaced_limits(&ledger, plan, session.now)?;
    if !may_replace(plan, &replaced, is_yes, out)? {
        return out.line("Nothing was changed.");
    }
    let done = ledger.use_plan(plan.clone(), ACTOR, session.now, session.zone).wait()?;
    let removed = match done.removed.as_slice() {
        [] => String::new(),
        names => format!("; removed: {}", names.join(", ")),
    };
    let limits: Vec<String> = plan
        .limits()
        .iter()
        .map(|(window, limit)| match *window {
            "total" => format!("${limit} in total"),
            window => format!("${limit} a {window}"),
        })
        .collect();
    let limits = if limits.is_empty() { "no limit".to_owned() } else { limits.join(", ") };
    out.line(format!("Plan '{name}' is in use: {limits}{removed}."))?;
    if !replaced.is_empty() {
        let shown: Vec<String> = replaced.iter().map(ReplacedLimit::spoken).collect();
        out.line(format!("Replaced: {}.", shown.join(", ")))?;
    }
    let others = report::budgets(&ledger, session.now)?
        .into_iter()
        .filter(|budget| !done.set.contains(&budget.name))
        .map(|budget| budget.name)
        .collect::<Vec<_>>();
    if others.is_empty() {
        return Ok(());
    }
    out.line(format!("Your other budgets stay: {}.", others.join(", ")))
}

fn show(session: &Session, plans: Vec<Plan>, form: Form, out: &mut Out) -> Result<(), Failure> {
    let ledger = session.ledger()?;
    let plans = report::plans(&ledger, plans)?;
    let used = plans.plan.as_deref();
    let plan = plans.plans.iter().find(|plan| Some(plan.name.as_str()) == used);
    if form.json {
        return out.json(&Plans { plans: plan.cloned().into_iter().collect(), ..plans });
    }
    let Some(name) = used else {
        return out.line("No plan is in use: outlay plan use solo");
    };
    let Some(plan) = plan else {
        return out.line(format!(
            "Plan '{name}' is in use, but outlay.toml no longer has it: its budgets stay until another plan is used"
        ));
    };
    out.line(format!("Plan '{name}' is in use."))?;
    let limits = plan.limits();
    let budgets: Vec<_> = report::budgets(&ledger, session.now)?
        .into_iter()
        .filter(|budget| limits.iter().any(|(window, _)| *window == budget.name))
        .collect();
    out.table(&standing::budgets(&budgets, session.now, session.zone))
}
