//! Random schedules of calls, failures, raises and days against two ledgers on one file.

#![allow(clippy::unwrap_used, reason = "clippy excuses test functions, not what they share")]

mod desk;

use chrono::{DateTime, TimeDelta, Utc};
use desk::{UTC, call, hard, money, noon, open, price_demo, set, settlement};
use outlay_core::budget::{Scope, Window};
use outlay_core::ledger::{
    Admission, BudgetChange, Ledger, LedgerError, NewCall, Reservation, Settlement,
};
use outlay_core::money::Money;
use outlay_core::report::{self, By, CallQuery, UsageQuery};
use proptest::prelude::*;
use tempfile::TempDir;

/// One step of a random schedule.
#[derive(Clone, Debug)]
enum Step {
    Reserve { output_max: Option<u64>, project: bool },
    Settle { which: usize, share: u64 },
    Fail { which: usize },
    Abandon { which: usize, sent: bool },
    Raise { cents: u64 },
    TopUp { cents: u64 },
    NextDay,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (prop::option::of(1_u64..3_000), any::<bool>())
            .prop_map(|(output_max, project)| Step::Reserve { output_max, project }),
        4 => (any::<usize>(), 0_u64..=100).prop_map(|(which, share)| Step::Settle { which, share }),
        1 => any::<usize>().prop_map(|which| Step::Fail { which }),
        1 => (any::<usize>(), any::<bool>()).prop_map(|(which, sent)| Step::Abandon { which, sent }),
        1 => (1_u64..3).prop_map(|cents| Step::Raise { cents }),
        1 => (1_u64..3).prop_map(|cents| Step::TopUp { cents }),
        1 => Just(Step::NextDay),
    ];
    prop::collection::vec(step, 1..60)
}

/// A running call and the output that it was bounded to.
struct Running {
    reservation: Reservation,
    output_max: u64,
}

fn check_limits(ledger: &Ledger, at: DateTime<Utc>) -> Result<(), TestCaseError> {
    for view in report::budgets(ledger, at).unwrap() {
        let topped_up: i64 = ledger
            .budget_history(&view.name)
            .unwrap()
            .iter()
            .filter(|event| event.action == "topped_up")
            .map(|event| money(event.detail["by"].as_str().unwrap()).picodollars())
            .sum();
        let most = view.limit.count + topped_up;
        prop_assert!(view.used.count + view.held.count <= most, "{view:?}");
        prop_assert!(view.held.count >= 0 && view.credits_remaining.count >= 0, "{view:?}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(
        std::env::var("OUTLAY_SCHEDULES").ok().and_then(|n| n.parse().ok()).unwrap_or(60)
    ))]

    /// Whatever happens, in whatever order: no hard budget is passed, no hold is left over, and
    /// every sum equals the calls it is the sum of.
    #[test]
    fn no_schedule_passes_a_limit_or_loses_a_picodollar(schedule in steps()) {
        let folder = TempDir::new().unwrap();
        let ledgers = [open(&folder), open(&folder)];
        price_demo(&ledgers[0]);
        set(&ledgers[0], hard("day", "0.02", Window::DAY));
        set(&ledgers[0], hard("month", "0.05", Window::MONTH));
        let project = Scope { project: Some("p".into()), ..Scope::default() };
        set(&ledgers[0], BudgetChange { scope: Some(project), ..hard("project", "0.01", Window::Total) });
        let mut now = noon();
        let mut running: Vec<Running> = Vec::new();
        for (turn, step) in schedule.into_iter().enumerate() {
            let ledger = &ledgers[turn % 2];
            now += TimeDelta::seconds(1);
            match step {
                Step::Reserve { output_max, project } => {
                    let project = project.then(|| "p".to_owned());
                    let new = NewCall { project, ..call(now, output_max) };
                    if let Admission::Admitted { reservation, output_cap, .. } =
                        ledger.reserve(new).wait().unwrap()
                    {
                        let output_max = output_cap.or(output_max).unwrap_or(16_384);
                        running.push(Running { reservation, output_max });
                    }
                }
                Step::Settle { which, share } if !running.is_empty() => {
                    let call = running.swap_remove(which % running.len());
                    let output = call.output_max * share / 100;
                    call.reservation.settle(settlement(ledger, output, now)).wait().unwrap();
                }
                Step::Fail { which } if !running.is_empty() => {
                    let call = running.swap_remove(which % running.len());
                    let failed = Settlement { bill: None, ..settlement(ledger, 0, now) };
                    call.reservation.settle(failed).wait().unwrap();
                }
                Step::Abandon { which, sent } if !running.is_empty() => {
                    let call = running.swap_remove(which % running.len());
                    if sent {
                        call.reservation.mark_sent();
                    }
                }
                Step::Settle { .. } | Step::Fail { .. } | Step::Abandon { .. } => {}
                Step::Raise { cents } => {
                    let by = format!("0.0{cents}");
                    ledger.raise_budget("day".into(), by, None, "cli", now).wait().unwrap();
                }
                Step::TopUp { cents } => {
                    let by = format!("0.0{cents}");
                    ledger.top_up_budget("month".into(), by, "cli", now).wait().unwrap();
                }
                Step::NextDay => now += TimeDelta::hours(24),
            }
            check_limits(ledger, now)?;
        }
        drop(running);
        for ledger in &ledgers {
            ledger.claim_alerts(now).wait().unwrap();
        }
        let ledger = &ledgers[0];
        for view in report::budgets(ledger, now).unwrap() {
            prop_assert_eq!(view.held.count, 0, "a hold outlived its call: {:?}", view);
        }
        let mut billed = Money::ZERO;
        report::each_call(ledger, &CallQuery::default(), |call| {
            billed = billed.saturating_add(call.cost_usd.unwrap_or_default());
            Ok::<(), LedgerError>(())
        }).unwrap();
        for by in [By::Day, By::Week, By::Month, By::Provider, By::Model, By::Project, By::Session] {
            let query = UsageQuery { since: noon() - TimeDelta::days(3), until: now + TimeDelta::days(1), by, timezone: UTC };
            prop_assert_eq!(report::usage(ledger, &query).unwrap().total.cost_usd, billed);
        }
        ledger.check_integrity().unwrap();
    }
}
