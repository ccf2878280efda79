//! With `durability = "power"`: no client gets an answer to a call that a power cut could still undo.
//!
//! The disk works while the provider does, so that it is seldom waited for.

use http::HeaderMap;
use outlay_core::ledger::{Durability, Reply};

use crate::app::App;
use crate::forwarded::Call;
use crate::headers;
use crate::reply::{self, Failure};
use crate::transfer::Client;

/// Tells when the disk has what was admitted; nothing where nobody asked.
#[derive(Debug)]
pub(crate) struct Safety(Option<Reply<()>>);

impl Safety {
    /// Has the disk take what was admitted, where that is wanted.
    pub(crate) fn asked(app: &App) -> Safety {
        let is_asked = app.settings().durability == Durability::Power;
        Safety(is_asked.then(|| app.ledger().on_disk()))
    }

    /// Waits for it. Where that fails the call's client is told so, and gets nothing of the answer;
    /// the call goes on to its settlement.
    pub(crate) async fn come(self, call: &Call, client: &mut Client) {
        let Some(reply) = self.0 else { return };
        let Err(error) = reply.await else { return };
        tracing::warn!(%error, "an answer was withheld, because the disk did not take the call");
        let failure = Failure {
            status: 503,
            code: "ledger_unavailable",
            message: format!(
                "Outlay: the call was sent and is counted, and its answer is withheld, because it could not be written to the disk: {error}"
            ),
        };
        let mut reply = reply::failed(&failure, call.terms.dialect);
        headers::add_no_retry(reply.headers_mut());
        headers::add_call(reply.headers_mut(), call.reservation.call());
        client.send_reply(reply, &HeaderMap::new());
    }
}
