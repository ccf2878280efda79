//! Random schedules of calls against the real ledger, with a clock of our own.
//!
//! A seed makes a schedule; two processes on one file live through it beside a simulated provider,
//! and after every step everything that Outlay promises is checked. What fails is shrunk and printed
//! with its seed: `OUTLAY_SEED=N` lives through that one again, `OUTLAY_SCHEDULES=N` through so many.

#![allow(clippy::unwrap_used, reason = "clippy excuses test functions, not what they share")]

mod budgets;
mod changes;
mod checks;
#[path = "../desk/mod.rs"]
mod desk;
mod invariants;
mod provider;
mod schedule;
mod sight;
mod streams;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use outlay_core::cost::{Metered, bill};
use outlay_core::ledger::Settlement;
use outlay_core::usage::Usage;
use provider::{count, shown};
use schedule::{Schedule, Step};
use tempfile::TempDir;
use world::World;

/// How many schedules the normal run lives through.
const SCHEDULES: u64 = 10_000;
/// Threads beyond the processors: a schedule waits for its writers most of the time.
const THREADS_A_PROCESSOR: usize = 2;

#[test]
fn no_schedule_breaks_a_promise() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let templates = Templates::new();
    if let Some(seed) = number("OUTLAY_SEED") {
        let schedule = schedule::schedule(seed);
        live_through(&schedule, &templates).unwrap_or_else(|failure| panic!("{failure}"));
        return;
    }
    let schedules = number("OUTLAY_SCHEDULES").unwrap_or(SCHEDULES);
    let (next, failed) = (AtomicU64::new(0), Mutex::new(None));
    let started = Instant::now();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..processors * THREADS_A_PROCESSOR {
            scope.spawn(|| {
                while failed.lock().unwrap().is_none() {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= schedules {
                        return;
                    }
                    let schedule = schedule::schedule(seed);
                    if live_through(&schedule, &templates).is_err() {
                        failed.lock().unwrap().get_or_insert(seed);
                    }
                }
            });
        }
    });
    println!("{schedules} schedules in {:.1} s", started.elapsed().as_secs_f64());
    if let Some(seed) = failed.into_inner().unwrap() {
        let (schedule, failure) = shrunk(schedule::schedule(seed), &templates);
        panic!("OUTLAY_SEED={seed}: {failure}\n{schedule:#?}");
    }
}

/// The files that schedules begin with: answers that showed so much of what they were billed for.
struct Templates([(u64, Vec<u8>); 4]);

impl Templates {
    fn new() -> Templates {
        Templates(schedule::SHOWN_PERCENTS.map(|percent| (percent, template(percent))))
    }

    fn of(&self, schedule: &Schedule) -> &[u8] {
        let found = self.0.iter().find(|(percent, _)| *percent == schedule.shown_percent);
        &found.unwrap().1
    }
}

fn template(shown_percent: u64) -> Vec<u8> {
    let folder = TempDir::new().unwrap();
    let ledger = desk::open(&folder);
    // Before there is a price: no schedule is billed for these.
    for nth in 0..20 {
        // One is far longer than the rest: a long answer tells best what shows.
        let output = if nth == 0 { 8_000 } else { 60 + 10 * nth };
        let at =
            desk::noon() - chrono::TimeDelta::days(200) + chrono::TimeDelta::seconds(count(nth));
        let reservation = desk::admitted(ledger.reserve(desk::call(at, None)).wait().unwrap());
        let usage = Usage { input_tokens: 25, output_tokens: output, ..Usage::default() };
        let metered = Metered { usage: Some(usage), ..Metered::default() };
        let settlement = Settlement {
            bill: Some(bill(&ledger.prices(), "openai", "demo", &metered, at)),
            response_id: None,
            output_shown_tokens: Some(shown(output, shown_percent)),
            ..desk::settlement(&ledger, output, at)
        };
        reservation.settle(settlement).wait().unwrap();
    }
    let price = outlay_core::price::UserPrice {
        provider: None,
        model: "demo".into(),
        input: outlay_core::money::Rate::usd_per("2", 1_000_000).unwrap(),
        output: outlay_core::money::Rate::usd_per("10", 1_000_000).unwrap(),
        cache_read: None,
        cache_write: None,
        set_at: desk::noon() - chrono::TimeDelta::days(300),
    };
    ledger.set_price(price, desk::noon()).wait().unwrap();
    let copy = folder.path().join("copy.db");
    ledger.back_up(&copy).unwrap();
    std::fs::read(copy).unwrap()
}

fn live_through(schedule: &Schedule, templates: &Templates) -> Result<(), String> {
    // In memory where there is such a place: no schedule tries the disk.
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let folder = tempfile::Builder::new().prefix("outlay-sim-").tempdir_in(place).unwrap();
    let lived = catch_unwind(AssertUnwindSafe(|| {
        let mut world = World::new(folder.path(), templates.of(schedule), schedule);
        for plan in &schedule.budgets {
            world.make(plan.clone())?;
        }
        for (turn, step) in schedule.steps.iter().enumerate() {
            world.step(step).map_err(|failure| format!("step {turn}: {failure}"))?;
        }
        world.finish().map_err(|failure| format!("at the end: {failure}"))
    }));
    lived.unwrap_or_else(|_| Err("it panicked".into()))
}

/// The schedule without all that the failure does not need, and how that one fails.
fn shrunk(mut schedule: Schedule, templates: &Templates) -> (Schedule, String) {
    let mut failure = live_through(&schedule, templates).err().unwrap_or_else(|| "once".into());
    let mut length = schedule.steps.len().max(1);
    loop {
        let mut at = 0;
        while at < schedule.steps.len() {
            let mut shorter = schedule.clone();
            let end = (at + length).min(shorter.steps.len());
            drop::<Vec<Step>>(shorter.steps.drain(at..end).collect());
            match live_through(&shorter, templates) {
                Err(reason) => (schedule, failure) = (shorter, reason),
                Ok(()) => at += length,
            }
        }
        if length == 1 {
            break;
        }
        length /= 2;
    }
    for at in (0..schedule.budgets.len()).rev() {
        let mut shorter = schedule.clone();
        shorter.budgets.remove(at);
        if let Err(reason) = live_through(&shorter, templates) {
            (schedule, failure) = (shorter, reason);
        }
    }
    (schedule, failure)
}
