//! What a settlement is foreseen to come to, and who finds it before it is waited for.

mod desk;

use chrono::TimeDelta;
use desk::{admitted, call, hard, noon, open, price_demo, set, settlement};
use outlay_core::budget::{BudgetUnit, Window};
use outlay_core::ledger::{BudgetChange, Settlement};
use outlay_core::report::{self, CallQuery};
use tempfile::TempDir;

#[test]
fn what_is_foreseen_is_what_it_comes_to() {
    let in_unit = |name: &str, limit: &str, unit| BudgetChange {
        unit: Some(unit),
        ..hard(name, limit, Window::DAY)
    };
    let cases: [(&str, Vec<BudgetChange>, bool); 6] = [
        ("no budget", vec![], true),
        ("money", vec![hard("day", "1", Window::DAY)], true),
        ("tokens", vec![in_unit("tokens", "100000", BudgetUnit::Tokens)], true),
        ("calls", vec![in_unit("calls", "20", BudgetUnit::Calls)], true),
        ("a call at a time", vec![hard("each", "1", Window::Call)], true),
        ("a rolling window", vec![hard("hours", "1", Window::parse("5h").unwrap())], false),
    ];
    for (name, budgets, is_foreseen) in cases {
        let folder = TempDir::new().unwrap();
        let ledger = open(&folder);
        price_demo(&ledger);
        for budget in budgets {
            set(&ledger, budget);
        }
        for (turn, output) in [Some(200), None, Some(0)].into_iter().enumerate() {
            let at = noon() + TimeDelta::seconds(i64::try_from(turn).unwrap());
            let reservation = admitted(ledger.reserve(call(at, Some(1_000))).wait().unwrap());
            let settlement = match output {
                Some(output) => settlement(&ledger, output, at),
                None => Settlement { bill: None, ..settlement(&ledger, 0, at) },
            };
            let mut settling = reservation.settle(settlement);
            let foreseen = settling.foreseen();
            assert_eq!(foreseen.is_some(), is_foreseen, "{name}");
            let settled = settling.wait().unwrap();
            assert_eq!(foreseen.unwrap_or_else(|| settled.clone()), settled, "{name} {output:?}");
        }
    }
}

#[test]
fn who_asks_this_process_finds_what_nobody_waited_for() {
    let folder = TempDir::new().unwrap();
    let ledger = open(&folder);
    price_demo(&ledger);
    for turn in 1..=20_usize {
        let reservation = admitted(ledger.reserve(call(noon(), Some(1_000))).wait().unwrap());
        drop(reservation.settle(settlement(&ledger, 200, noon())).into_future());
        let calls = report::calls(&ledger, &CallQuery::default(), 50).unwrap().rows;
        assert_eq!(calls.iter().filter(|call| call.status == "settled").count(), turn);
    }
}
