//! Everything since the ledger began, for monitoring.

use crate::ledger::query;
use crate::ledger::{EndedEarly, Ledger, LedgerError, ProviderTotal};

/// Counts over the whole ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Billed calls (settled and estimated) and their cost.
    pub providers: Vec<ProviderTotal>,
    /// Calls that are not settled: refused, failed and estimated ones.
    pub ended_early: Vec<EndedEarly>,
    /// Calls that a limit delayed, capped or ended: `(waited, 3)`.
    pub limited: Vec<(String, i64)>,
    /// Calls that are running, of all processes.
    pub running: i64,
}

/// Counts over the whole ledger.
///
/// # Errors
/// When the file cannot be read.
pub fn totals(ledger: &Ledger) -> Result<Totals, LedgerError> {
    ledger.read(|connection| {
        Ok(Totals {
            providers: query::by_provider(connection)?,
            ended_early: query::ended_early(connection)?,
            limited: query::limited(connection)?,
            running: query::running(connection)?,
        })
    })
}
