//! What a process does beside answering calls, for as long as it does.

use std::time::Duration;

use outlay_core::ledger::Ledger;

use crate::balance::{self, Source};
use crate::clock::Clock;

/// How often calls of processes that died are looked for.
const RECOVER_EVERY: Duration = Duration::from_secs(5);

/// Settles the calls of processes that died, and asks `sources` what is left, until it is dropped.
pub async fn upkeep(ledger: Ledger, sources: Vec<Source>, clock: Clock) {
    let asking = balance::keep_synced(ledger.clone(), sources, clock.clone());
    tokio::join!(recover_now_and_then(ledger, clock), asking);
}

async fn recover_now_and_then(ledger: Ledger, clock: Clock) {
    loop {
        tokio::time::sleep(RECOVER_EVERY).await;
        match ledger.recover(clock()).await {
            Ok(0) => {}
            Ok(calls) => tracing::warn!("{calls} calls of a process that died were settled"),
            Err(error) => tracing::warn!("calls of dead processes could not be settled: {error}"),
        }
    }
}
