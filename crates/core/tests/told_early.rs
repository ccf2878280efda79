//! A process that dies between an answer and its commit: another one finds the calls all the same.

mod desk;

use std::collections::BTreeSet;
use std::pin::pin;
use std::process::Command;
use std::task::{Context, Poll, Waker};

use desk::{admitted, call, day, hard, noon, open, price_demo, set, settlement};
use outlay_core::budget::{BudgetKind, Window};
use outlay_core::ledger::{BudgetChange, LedgerError, Reply};
use outlay_core::report::{self, CallQuery};
use tempfile::TempDir;

const FOLDER: &str = "OUTLAY_TEST_DYING_IN";
const CALLS: usize = 40;
/// The commit may just have been made: the more often it dies, the surer some call is open.
const DEATHS_MAX: usize = 50;

/// Awaits as a proxy does, which does not wait for the commit.
fn told<T>(reply: Reply<T>) -> Result<T, LedgerError> {
    let mut future = pin!(reply.into_future());
    loop {
        match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => std::thread::yield_now(),
        }
    }
}

/// Not a test by itself: the process that dies.
#[test]
fn dies_with_calls_running() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let ledger = open(std::path::Path::new(&folder));
    let running: Vec<_> = (0..CALLS)
        .map(|_| admitted(told(ledger.reserve(call(noon(), Some(1_000)))).unwrap()))
        .collect();
    assert_eq!(running.len(), CALLS);
    std::process::abort();
}

#[test]
fn what_the_disk_has_is_committed() {
    let folder = TempDir::new().unwrap();
    let [forwarding, other] = [open(&folder), open(&folder)];
    price_demo(&forwarding);
    for calls in 1..=DEATHS_MAX {
        let running = admitted(told(forwarding.reserve(call(noon(), Some(1_000)))).unwrap());
        told(forwarding.on_disk()).unwrap();
        // What another process sees at once is in the log.
        let rows = report::calls(&other, &CallQuery::default(), 1_000).unwrap().rows;
        assert_eq!(rows.len(), calls);
        drop(running);
    }
}

#[test]
fn what_was_told_and_not_committed_is_found_in_the_journal() {
    let mut were_open = 0;
    for _ in 0..DEATHS_MAX {
        let folder = TempDir::new().unwrap();
        let ledger = open(&folder);
        price_demo(&ledger);
        set(&ledger, hard("day", "1000", Window::DAY));
        let died = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "dies_with_calls_running"])
            .env(FOLDER, folder.path())
            .output()
            .unwrap();
        assert!(!died.status.success());
        let rows = || report::calls(&ledger, &CallQuery::default(), 100).unwrap().rows;
        were_open += CALLS - rows().len();
        assert_eq!(ledger.recover(noon()).wait().unwrap(), CALLS as u64);
        assert_eq!(rows().len(), CALLS);
        assert!(rows().iter().all(|call| call.status == "estimated"));
        let day = day(&ledger, noon());
        assert!(day.held.count == 0 && day.used.count > 0, "{day:?}");
        assert_eq!(ledger.recover(noon()).wait().unwrap(), 0);
        if were_open > 0 {
            return;
        }
    }
    panic!("of {DEATHS_MAX} processes none died before a commit");
}

#[test]
fn a_storm_of_alerts_beside_calls_is_written_whole() {
    const BUDGETS: usize = 40;
    let folder = TempDir::new().unwrap();
    let ledger = open(&folder);
    price_demo(&ledger);
    for number in 0..BUDGETS {
        set(
            &ledger,
            BudgetChange {
                kind: Some(BudgetKind::Soft),
                warn_percent: Some((1..=99).collect()),
                ..hard(&format!("b-{number}"), "1", Window::DAY)
            },
        );
    }
    // Each call is one percent of each budget.
    for _ in 0..CALLS {
        let reservation = admitted(told(ledger.reserve(call(noon(), Some(1_000)))).unwrap());
        reservation.mark_sent();
        told(reservation.settle(settlement(&ledger, 1_000, noon()))).unwrap();
    }
    drop(ledger);
    let alerts = report::alerts(&open(&folder), 10_000).unwrap();
    assert_eq!(alerts.len(), BUDGETS * CALLS);
    let once: BTreeSet<_> = alerts.iter().map(|alert| (&alert.subject, &alert.title)).collect();
    assert_eq!(once.len(), alerts.len());
}
