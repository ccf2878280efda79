//! `outlay explain`: why a call was refused, made to wait, capped or ended.

use std::process::ExitCode;

use outlay_core::admission::Verdict;
use outlay_core::budget::{BudgetUnit, Scope};
use outlay_core::ledger::{DecisionView, LookView};
use outlay_core::report::{self, Explanation};
use serde_json::Value;

use super::Form;
use super::calls::show;
use crate::failure::{Failure, Outcome};
use crate::look::Tone;
use crate::output::Out;
use crate::session::Session;
use crate::standing;
use crate::table::{Cell, Column, Table};

/// Options of `explain`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  outlay explain                  the last call that a limit did something to
  outlay explain 0c1d2e3f4a5b     that call: its id, or the last part of it")]
pub(crate) struct Arguments {
    /// The call's id, or the last part of it [default: the last that a limit did something to]
    id: Option<String>,
    #[command(flatten)]
    form: Form,
}

pub(crate) fn run(session: &Session, options: &Arguments, out: &mut Out) -> Outcome {
    let ledger = session.ledger()?;
    let id = match &options.id {
        Some(id) => show::find(&ledger, id)?,
        None => report::last_limited(&ledger)?.ok_or_else(|| {
            Failure::failed(
                "no call was refused, made to wait, capped or ended yet: outlay calls shows them all",
            )
        })?,
    };
    let explanation = report::explanation(&ledger, id)?.ok_or_else(|| {
        Failure::Failed(format!("there is no call {id}: outlay calls lists them"))
    })?;
    if options.form.json {
        out.json(&explanation)?;
    } else {
        print(&explanation, session, out)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn print(explanation: &Explanation, session: &Session, out: &mut Out) -> Result<(), Failure> {
    let call = &explanation.call;
    let time = call.time.with_timezone(&session.zone).format("%Y-%m-%d %H:%M:%S");
    let model = call.model_requested.as_deref().unwrap_or("(no model)");
    let project = call.project.as_ref().map(|name| format!(", project {name}")).unwrap_or_default();
    out.line(format!("Call {} at {time}: {} {model}{project}.", call.id, call.provider))?;
    out.line(&explanation.message)?;
    for decision in &explanation.decisions {
        out.line("")?;
        decided(decision, session, out)?;
    }
    show::shares(&explanation.budgets, session, out)
}

fn decided(decision: &DecisionView, session: &Session, out: &mut Out) -> Result<(), Failure> {
    let time = decision.at.with_timezone(&session.zone).format("%H:%M:%S%.3f");
    out.line(out.look().paint(Tone::Strong, format!("{time}  {}", action(decision))))?;
    let asked = asked(decision);
    if !asked.is_empty() {
        out.line(asked)?;
    }
    let mut table = Table::new(&[
        Column::Text("Budget"),
        Column::Text("Window"),
        Column::Decimal("Limit"),
        Column::Decimal("Spent"),
        Column::Decimal("Held"),
        Column::Decimal("Needed"),
        Column::Text("So"),
        Column::Text("Counts"),
    ])
    .expendable(&["Counts", "Window"]);
    for look in &decision.budgets {
        table.row([
            Cell::toned(&look.budget, Tone::Strong),
            Cell::new(&look.window),
            amount(look, &look.limit),
            amount(look, &look.spent),
            amount(look, &look.held),
            amount(look, &look.needed),
            verdict(look),
            Cell::new(counts(&look.scope)),
        ]);
    }
    out.table(&table)?;
    let usd = decision.budgets.iter().filter(|look| look.unit == BudgetUnit::Usd);
    let needed: Vec<&Value> = usd.map(|look| &look.needed).collect();
    if needed.windows(2).any(|pair| pair[0] != pair[1]) {
        out.line("Needed is what each would hold: less where a lower output cap would do.")?;
    }
    Ok(())
}

fn action(decision: &DecisionView) -> &str {
    match decision.action.as_str() {
        "waits" => "it was made to wait",
        "admitted" => "it was let go",
        "refused" => "it was refused",
        "ended" => "its answer was ended",
        other => other,
    }
}

/// What the call could consume, and what was done to bound it.
fn asked(decision: &DecisionView) -> String {
    let mut parts = Vec::new();
    if decision.output_tokens_max > 0 {
        parts.push(format!(
            "at most {} input and {} output tokens",
            decision.input_tokens_max, decision.output_tokens_max
        ));
    }
    if let Some(output) = decision.output_tokens_expected {
        let input = decision.input_tokens_expected.unwrap_or(decision.input_tokens_max);
        parts.push(format!("about {input} and {output} expected"));
    }
    if let Some(cap) = decision.output_cap {
        parts.push(format!("output capped at {cap}"));
    }
    if let Some(covered) = decision.covered_tokens {
        parts.push(format!("{covered} output tokens paid for at first, more as it ran"));
    }
    if let Some(ceiling) = decision.ceiling_usd {
        parts.push(format!("at most ${ceiling}"));
    }
    parts.join("; ")
}

fn amount(look: &LookView, amount: &Value) -> Cell {
    let text = amount.as_str().map_or_else(|| amount.to_string(), str::to_owned);
    Cell::new(match look.unit {
        BudgetUnit::Usd => format!("${text}"),
        unit => format!("{text} {}", unit.as_str()),
    })
}

fn verdict(look: &LookView) -> Cell {
    let (text, tone) = match look.verdict {
        Verdict::NeverRefuses => ("does not refuse", Tone::Quiet),
        Verdict::Fits => ("has room", Tone::Good),
        Verdict::FitsWatched => ("has room if bounded", Tone::Warning),
        Verdict::Held => ("is held by running calls", Tone::Warning),
        Verdict::Exceeded => ("has too little left", Tone::Bad),
        Verdict::Unpriced => ("cannot bound it: no price", Tone::Bad),
    };
    Cell::toned(text, tone)
}

fn counts(scope: &Scope) -> String {
    let scope = standing::scope(scope);
    if scope.is_empty() { "every call".to_owned() } else { scope }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::look::Look;
    use crate::output::printed;
    use crate::testing::Day;

    #[test]
    fn a_refused_call_with_its_budgets() {
        let day = Day::full();
        let id = report::last_limited(&day.ledger).unwrap().unwrap();
        let explanation = report::explanation(&day.ledger, id).unwrap().unwrap();
        let session = day.session();
        insta::assert_snapshot!(printed(Look::PIPE, |out| print(&explanation, &session, out)));
    }
}
