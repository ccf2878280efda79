//! A call that is forwarded, and its answer once that has come to its end.

use std::pin::Pin;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Response, StatusCode};
use outlay_core::budget::QuotaStanding;
use outlay_core::ledger::Reservation;
use outlay_wire::Reading;

use crate::app::App;
use crate::bill::{End, Terms};
use crate::loops::Watched;

/// A call that is admitted.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) app: App,
    pub(crate) terms: Terms,
    pub(crate) reservation: Reservation,
    /// How the tightest budget stands with this call's hold.
    pub(crate) standing: Option<QuotaStanding>,
    /// Host and port of the provider, for sentences.
    pub(crate) authority: String,
    /// Whether we asked for a stream's usage and the client did not.
    pub(crate) hides_usage: bool,
    /// The status that tells this client of a limit.
    pub(crate) refusal_status: u16,
    pub(crate) admitted: Instant,
    /// Told to who watches for loops when it ends.
    pub(crate) watched: Watched,
}

/// An answer that has come to its end, whichever.
#[derive(Debug)]
pub(crate) struct Passed {
    pub(crate) status: StatusCode,
    /// What the client's head says, where it is still to be sent.
    pub(crate) head: Response<()>,
    /// How the body was encoded.
    pub(crate) encoding: Option<String>,
    /// What was held back of the body, in order; `None` where it has been passed on.
    pub(crate) held: Option<Vec<Bytes>>,
    pub(crate) end: End,
    /// Whether the client has got an end of ours, because of a limit.
    pub(crate) is_ended: bool,
    /// From admission to the first byte of the body.
    pub(crate) first_byte: Option<Duration>,
    /// From when the request left to the end.
    pub(crate) lasted: Duration,
    pub(crate) reading: Reading,
}

/// Ends when nobody needs the answer any more.
pub(crate) type Patience = Pin<Box<dyn Future<Output = ()> + Send>>;
