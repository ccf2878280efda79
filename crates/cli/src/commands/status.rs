//! `outlay status`.

use std::process::ExitCode;

use chrono_tz::Tz;
use outlay_core::budget::Window;
use outlay_core::ledger::Ledger;
use outlay_core::report::{self, Status};

use super::Form;
use crate::failure::{Failure, Outcome};
use crate::look::Tone;
use crate::output::Out;
use crate::session::Session;
use crate::standing;
use crate::table::{Cell, Column, Table};
use crate::tools;

/// Options of `status`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    form: Form,
}

pub(crate) fn run(session: &Session, options: &Arguments, out: &mut Out) -> Outcome {
    let ledger = session.ledger()?;
    let status = report::status(&ledger, session.now, session.zone)?;
    if options.form.json {
        out.json(&status)?;
    } else {
        print(&ledger, &status, session.zone, out)?;
        if let Some(sentence) = tools::unanswered(&session.folders) {
            out.line("")?;
            out.line(out.look().paint(Tone::Bad, sentence))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print(ledger: &Ledger, status: &Status, zone: Tz, out: &mut Out) -> Result<(), Failure> {
    let now = status.as_of;
    let mut spent =
        Table::new(&[Column::Text("Spent"), Column::Decimal("Cost"), Column::Number("Calls")]);
    for (name, spend) in [("today", &status.today), ("this month", &status.month)] {
        spent.row([
            Cell::toned(name, Tone::Strong),
            Cell::new(format!("${}", spend.cost_usd)),
            Cell::new(spend.calls),
        ]);
    }
    out.table(&spent)?;
    out.line("")?;
    if let Some(bypass) = &status.bypass {
        let sentence = standing::bypass(bypass, now, zone);
        out.line(out.look().paint(Tone::Bad, sentence))?;
        out.line("")?;
    }
    if let Some(plan) = &status.plan {
        out.line(format!("Plan: {plan}"))?;
    }
    if status.budgets.is_empty() {
        out.line(
            "No budget is set, so nothing is refused: outlay budget set day --limit 5 --window day",
        )?;
    }
    out.table(&standing::budgets(&status.budgets, now, zone))?;
    out.lines(standing::outlooks(&status.budgets, now, zone))?;
    if !status.balances.is_empty() {
        out.line("")?;
        out.table(&standing::balances(&status.balances, now, zone))?;
    }
    notes(ledger, status, zone, out)
}

fn notes(ledger: &Ledger, status: &Status, zone: Tz, out: &mut Out) -> Result<(), Failure> {
    for budget in &status.budgets {
        if let Some(sentence) = standing::refuses(budget, status.as_of, zone, out.look()) {
            out.line("")?;
            out.line(sentence)?;
        }
    }
    // A bypass lets their calls pass too.
    let stopped = if status.bypass.is_some() { &[][..] } else { &status.stopped_accounts };
    for sentence in standing::stopped(stopped, status.as_of, zone) {
        out.line("")?;
        out.line(out.look().paint(Tone::Bad, sentence))?;
    }
    if let Some(sentence) = standing::outside(&status.outside) {
        out.line("")?;
        out.line(sentence)?;
    }
    if let Some(note) = standing::unpriced(status.month.unpriced_calls, " of this month") {
        out.line("")?;
        out.line(out.look().paint(Tone::Warning, note))?;
        let since = Window::MONTH.period(status.as_of, zone).start;
        let named = standing::without_price(ledger, since, status.as_of)?;
        out.lines(named)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::look::Look;
    use crate::output::printed;
    use crate::testing::Day;

    #[test]
    fn with_nothing_set() {
        let day = Day::empty();
        let status = report::status(&day.ledger, day.now, day.zone).unwrap();
        insta::assert_snapshot!(printed(Look::PIPE, |out| print(
            &day.ledger,
            &status,
            day.zone,
            out
        )));
    }

    #[test]
    fn with_a_full_day() {
        let day = Day::full();
        let status = report::status(&day.ledger, day.now, day.zone).unwrap();
        insta::assert_snapshot!(printed(Look::PIPE, |out| print(
            &day.ledger,
            &status,
            day.zone,
            out
        )));
    }
}
