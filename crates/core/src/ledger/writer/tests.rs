//! The queue, with an operation that inserts a number into a table where each may stand once.

use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::task::{Context, Poll, Waker};

use arc_swap::ArcSwap;
use tempfile::TempDir;

use super::*;
use crate::ledger::error::LedgerError;
use crate::ledger::reply::ReplyFuture;
use crate::price::PriceList;

struct Desk {
    folder: TempDir,
    writer: Writer,
    thread: JoinHandle<()>,
    commits: Arc<AtomicU32>,
}

fn connect(folder: &Path) -> Connection {
    let connection = Connection::open(folder.join("numbers.db")).unwrap();
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    connection
}

fn numbers(folder: &TempDir) -> Vec<i64> {
    let connection = connect(folder.path());
    let mut statement = connection.prepare("SELECT n FROM number ORDER BY n").unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.collect::<rusqlite::Result<_>>().unwrap()
}

fn desk() -> Desk {
    desk_with(UNCLAIMED_MAX)
}

fn desk_with(unclaimed_max: Duration) -> Desk {
    let folder = TempDir::new().unwrap();
    let connection = connect(folder.path());
    connection.execute_batch("CREATE TABLE number (n INTEGER UNIQUE) STRICT").unwrap();
    let commits = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&commits);
    let setting = Setting {
        connection,
        path: folder.path().join("numbers.db"),
        machine_id: [1; 16],
        process_id: [2; 16],
        prices: Arc::new(ArcSwap::from_pointee(PriceList::with_user_prices(Vec::new()))),
        changed: Arc::new(move || {
            counted.fetch_add(1, Ordering::SeqCst);
        }),
        journal: None,
    };
    let (writer, thread) = Writer::start_with(setting, unclaimed_max).unwrap();
    Desk { folder, writer, thread, commits }
}

impl Desk {
    fn insert(&self, runs: Runs, n: i64) -> Reply<i64> {
        self.writer.submit(runs, Retry::UntilDone, move |writing| {
            let sql = "INSERT INTO number VALUES (?1)";
            writing.connection.prepare_cached(sql)?.execute([n])?;
            Ok(n)
        })
    }

    fn commits(&self) -> u32 {
        self.commits.load(Ordering::SeqCst)
    }
}

fn poll<T>(future: &mut ReplyFuture<T>) -> Poll<Result<T, LedgerError>> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn tasks_that_are_ready_together_share_a_commit_on_their_own_thread() {
    let desk = desk_with(Duration::MAX);
    let mut first = desk.insert(Runs::Here, 1).into_future();
    let mut second = desk.insert(Runs::Here, 2).into_future();
    assert!(poll(&mut first).is_pending(), "others that are ready come first");
    assert!(poll(&mut second).is_pending());
    assert!(matches!(poll(&mut first), Poll::Ready(Ok(1))));
    assert!(matches!(poll(&mut second), Poll::Ready(Ok(2))));
    assert_eq!(desk.commits(), 1);
    assert_eq!(numbers(&desk.folder), [1, 2]);
}

#[test]
fn an_operation_that_fails_takes_none_with_it() {
    let desk = desk();
    let holder = desk.writer.holder();
    let replies = holder.hold(|_| [1, 2, 2, 3].map(|n| desk.insert(Runs::There, n)));
    let outcomes = replies.unwrap().map(|reply| reply.wait().ok());
    assert_eq!(outcomes, [Some(1), Some(2), None, Some(3)]);
    assert_eq!(numbers(&desk.folder), [1, 2, 3]);
}

#[test]
fn what_nobody_waits_for_is_done_all_the_same() {
    let desk = desk();
    drop(desk.insert(Runs::Here, 1));
    let mut given_up = desk.insert(Runs::Here, 2).into_future();
    assert!(poll(&mut given_up).is_pending());
    drop(given_up);
    desk.insert(Runs::There, 3).wait().unwrap();
    while numbers(&desk.folder) != [1, 2, 3] {
        std::thread::yield_now();
    }
}

#[test]
fn while_another_process_writes_only_the_thread_waits() {
    let desk = desk();
    let other = connect(desk.folder.path());
    other.execute_batch("BEGIN IMMEDIATE; INSERT INTO number VALUES (7)").unwrap();
    let mut reply = desk.insert(Runs::Here, 8).into_future();
    for _ in 0..4 {
        assert!(poll(&mut reply).is_pending());
    }
    other.execute_batch("COMMIT").unwrap();
    while poll(&mut reply).is_pending() {
        std::thread::yield_now();
    }
    assert_eq!(numbers(&desk.folder), [7, 8]);
}

#[test]
fn operations_may_queue_others() {
    let desk = Arc::new(desk());
    let inner = Arc::clone(&desk);
    let (queued, reply) = channel();
    let outer = desk.writer.submit(Runs::Here, Retry::Never, move |_| {
        queued.send(inner.insert(Runs::Here, 2)).ok();
        Ok(())
    });
    outer.wait().unwrap();
    assert_eq!(reply.recv().unwrap().wait().unwrap(), 2);
}

#[test]
fn closing_does_what_is_queued_first() {
    let desk = desk();
    let holder = desk.writer.holder();
    let replies = holder.hold(|_| [1, 2, 3].map(|n| desk.insert(Runs::Here, n))).unwrap();
    let Desk { folder, writer, thread, .. } = desk;
    drop(writer);
    thread.join().unwrap();
    assert_eq!(numbers(&folder), [1, 2, 3]);
    assert!(replies.into_iter().all(|reply| reply.wait().is_ok()));
    assert!(holder.hold(|_| ()).is_none(), "the connection is closed");
}

#[test]
fn a_panic_leaves_nothing_behind() {
    let desk = desk();
    let reply = desk.writer.submit(Runs::Here, Retry::Never, |writing| -> Result<(), OpError> {
        writing.connection.execute("INSERT INTO number VALUES (1)", [])?;
        panic!("on purpose")
    });
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| reply.wait()));
    assert!(outcome.is_err());
    desk.insert(Runs::Here, 2).wait().unwrap();
    assert_eq!(numbers(&desk.folder), [2]);
}
