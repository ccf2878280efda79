//! `outlay statusline`: one short line.

use std::process::ExitCode;

use chrono::TimeDelta;
use chrono_tz::Tz;
use outlay_core::report::{self, BudgetState, Glance};

use crate::failure::Outcome;
use crate::look::{Look, Tone};
use crate::output::Out;
use crate::session::Session;

pub(crate) fn run(session: &Session, out: &mut Out) -> Outcome {
    let glance = report::glance(&session.ledger()?, session.now, session.zone)?;
    out.line(line(&glance, session.zone, out.look()))?;
    Ok(ExitCode::SUCCESS)
}

/// Today's spend, and the budget that is nearest to its end.
fn line(status: &Glance, zone: Tz, look: Look) -> String {
    let today = format!("${} today", status.today.cost_usd);
    let tightest = status
        .budgets
        .iter()
        .filter(|budget| budget.window != "call")
        .max_by(|a, b| percent(&a.percent).total_cmp(&percent(&b.percent)));
    if let Some(bypass) = &status.bypass {
        let until = bypass.until.with_timezone(&zone).format("%H:%M");
        return format!(
            "{today} · {}",
            look.paint(Tone::Bad, format!("limits bypassed until {until}"))
        );
    }
    if let Some(stopped) = status.stopped_accounts.first() {
        let what = if stopped.emptied_at.is_some() { "is empty" } else { "is at its floor" };
        return format!(
            "{today} · {}",
            look.paint(Tone::Bad, format!("{} {what}", stopped.account))
        );
    }
    let Some(budget) = tightest else { return today };
    let left = match budget.state {
        BudgetState::Blocked => {
            let until = budget.reset_date.map_or_else(String::new, |reset| {
                let is_soon = reset - status.as_of <= TimeDelta::hours(24);
                let format = if is_soon { "%H:%M" } else { "%-d %b" };
                format!(" until {}", reset.with_timezone(&zone).format(format))
            });
            look.paint(Tone::Bad, format!("{} blocked{until}", budget.name))
        }
        BudgetState::Warned => {
            look.paint(Tone::Warning, format!("{} {}% used", budget.name, budget.percent))
        }
        BudgetState::Waiting => {
            look.paint(Tone::Warning, format!("{} calls wait for {}", budget.waiting, budget.name))
        }
        BudgetState::Paused => look.paint(Tone::Quiet, format!("{} paused", budget.name)),
        BudgetState::Ok | BudgetState::Bypassed => {
            format!("{} {} of {}", budget.name, budget.used.spoken(), budget.limit.spoken())
        }
    };
    format!("{today} · {left}")
}

/// For comparing only.
fn percent(number: &serde_json::Number) -> f64 {
    number.as_f64().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Day;

    #[test]
    fn one_line_says_the_most_urgent() {
        let line = |day: &Day| {
            let status = report::glance(&day.ledger, day.now, day.zone).unwrap();
            line(&status, day.zone, Look::PIPE)
        };
        assert_eq!(line(&Day::empty()), "$0.00 today");
        assert_eq!(line(&Day::full()), "$0.00407 today · day blocked until 00:00");
    }
}
