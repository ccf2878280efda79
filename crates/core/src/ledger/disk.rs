//! Has the disk take what was committed: one sync for all who wait for one.
//!
//! What is in the log outlives this process and not a power cut: nothing tells the system to write it
//! before a checkpoint does.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::checkpoint;
use super::error::{LedgerError, is_locked};
use super::reply::Reply;
use super::writer::Holder;

/// How long calls wait at most for readers of a log that must be begun anew, and how often that is
/// looked for.
const READERS_MAX: Duration = Duration::from_secs(2);
const READERS_PAUSE: Duration = Duration::from_millis(10);

/// What a call's reservation outlives before its client gets the first byte of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The end of this process.
    #[default]
    Process,
    /// A power cut too.
    Power,
}

/// Who waits for a sync.
type Waiter = oneshot::Sender<Result<(), LedgerError>>;

/// The way to the thread that syncs; it ends when this is dropped.
pub(crate) struct Disk(Sender<Waiter>);

impl Disk {
    pub(crate) fn start(ledger: &Path, writers: Holder) -> io::Result<(Disk, JoinHandle<()>)> {
        let mut log = Log::of(ledger, writers);
        Disk::start_with(move || log.sync())
    }

    fn start_with(
        sync: impl FnMut() -> Result<(), LedgerError> + Send + 'static,
    ) -> io::Result<(Disk, JoinHandle<()>)> {
        let (waiters, waiting) = channel();
        let thread = std::thread::Builder::new()
            .name("ledger-disk".into())
            .spawn(move || serve(&waiting, sync))?;
        Ok((Disk(waiters), thread))
    }

    /// Answers once all that was told before is on the disk.
    pub(crate) fn take(&self) -> Reply<()> {
        let (waiter, answer) = oneshot::channel();
        // A thread that is gone drops the waiter, which answers it.
        drop(self.0.send(waiter));
        Reply::new(answer, None)
    }
}

fn serve(waiting: &Receiver<Waiter>, mut sync: impl FnMut() -> Result<(), LedgerError>) {
    while let Ok(first) = waiting.recv() {
        // Whoever comes after this may have written what the sync misses, and waits for the next.
        let group: Vec<Waiter> = std::iter::once(first).chain(waiting.try_iter()).collect();
        let outcome = sync();
        for waiter in group {
            // Nobody may be waiting any more.
            drop(waiter.send(outcome.clone()));
        }
    }
}

/// SQLite's write-ahead log.
struct Log {
    path: PathBuf,
    writers: Holder,
    /// A sync failed: the system may have forgotten what it could not write, and say nothing of it
    /// the next time.
    is_doubtful: bool,
}

impl Log {
    fn of(ledger: &Path, writers: Holder) -> Log {
        let mut path = ledger.as_os_str().to_owned();
        path.push("-wal");
        Log { path: path.into(), writers, is_doubtful: false }
    }

    fn sync(&mut self) -> Result<(), LedgerError> {
        self.writers.commit()?;
        let failed = |error: &dyn std::fmt::Display| LedgerError::DiskFailed {
            path: self.path.clone(),
            reason: error.to_string(),
        };
        if self.is_doubtful {
            self.begin_anew()?.map_err(|error| failed(&error))?;
            self.is_doubtful = false;
        }
        // Opened each time: a log that was taken away must not pass for one that is safe. No lock of
        // SQLite's is on this file, so none is lost when it is closed.
        let log = File::options().write(true).open(&self.path).map_err(|error| failed(&error))?;
        let synced = log.sync_data().map_err(|error| failed(&error));
        self.is_doubtful = synced.is_err();
        synced
    }

    /// Waits for those who read the log, and lets others write meanwhile.
    fn begin_anew(&self) -> Result<rusqlite::Result<()>, LedgerError> {
        let until = Instant::now() + READERS_MAX;
        loop {
            let begun = self.writers.hold(checkpoint::begin_anew).ok_or(LedgerError::Closed)?;
            let is_read = matches!(&begun, Err(error) if is_locked(error));
            if !is_read || Instant::now() > until {
                return Ok(begun);
            }
            std::thread::sleep(READERS_PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    #[test]
    fn one_sync_serves_all_who_came_before_it_and_nobody_who_came_later() {
        let (begins, begun) = sync_channel(0);
        let (end, ends) = sync_channel(0);
        let (disk, thread) = Disk::start_with(move || {
            begins.send(()).unwrap();
            ends.recv().unwrap()
        })
        .unwrap();
        let failure = || LedgerError::Invalid("the disk is gone".to_owned());
        let mut early: Vec<Reply<()>> = vec![disk.take()];
        let mut syncs = 0;
        for outcome in [Ok(()), Err(failure()), Ok(())] {
            begun.recv().unwrap();
            syncs += 1;
            let late: Vec<Reply<()>> = (0..100).map(|_| disk.take()).collect();
            end.send(outcome.clone()).unwrap();
            for waiter in early {
                assert_eq!(waiter.wait().is_ok(), outcome.is_ok(), "sync {syncs}");
            }
            assert!(late.iter().all(|waiter| !waiter.is_answered()), "sync {syncs} began before");
            early = late;
        }
        begun.recv().unwrap();
        drop(disk);
        end.send(Ok(())).unwrap();
        thread.join().unwrap();
        assert!(early.into_iter().all(|waiter| waiter.wait().is_ok()), "the last are served");
    }
}
