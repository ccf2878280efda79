//! The task that owns a call on its way: the upstream, the reservation and the meter.
//!
//! It lives on when its client goes away, so no settlement is lost.

use std::time::Duration;

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, Response, StatusCode};
use outlay_core::ledger::Reservation;
use outlay_wire::{Meter, StreamGate};

use crate::app::App;
use crate::bill::Terms;
use crate::dispatch::Dispatch;
use crate::forwarded::{Call, Passed, Patience};
use crate::headers;
use crate::passing::Passing;
use crate::safety::Safety;
use crate::shape::Shape;
use crate::transfer::Client;
use crate::upstream::{AnswerBody, Outgoing};
use crate::watch::Watch;

/// Sends the call, passes its answer to the client and settles it.
pub(crate) async fn run(call: Call, on_disk: Safety, outgoing: Outgoing, mut client: Client) {
    let mut patience = patience(&call.app, &client);
    let dispatch = Dispatch::default();
    let sent = {
        let _marked = Marked { reservation: &call.reservation, dispatch: &dispatch };
        tokio::select! {
            biased;
            sent = call.app.upstream().send(outgoing, &dispatch) => Some(sent),
            () = &mut patience => None,
        }
    };
    if sent.is_some() {
        on_disk.come(&call, &mut client).await;
    }
    match sent {
        Some(Ok(answer)) => {
            let passed = call.pass(answer, &dispatch, &mut client, patience).await;
            call.end(passed, client).await;
        }
        Some(Err(error)) => call.end_unanswered(&error, client).await,
        None => call.end_abandoned(&dispatch, client).await,
    }
}

/// Tells the reservation whether the request has left, however the wait for its answer ends.
struct Marked<'a> {
    reservation: &'a Reservation,
    dispatch: &'a Dispatch,
}

impl Drop for Marked<'_> {
    fn drop(&mut self) {
        if self.dispatch.left_at().is_some() {
            self.reservation.mark_sent();
        }
    }
}

/// Ends when nobody needs the answer any more: the client has gone and no usage is waited for, or
/// the process stops.
fn patience(app: &App, client: &Client) -> Patience {
    let departure = client.departure();
    let after_disconnect = app.settings().after_disconnect;
    let stopping = app.stopping().clone();
    Box::pin(async move {
        let left = async {
            departure.await;
            tokio::time::sleep(after_disconnect).await;
        };
        tokio::select! {
            () = left => {}
            () = stopping.cancelled() => {}
        }
    })
}

impl Call {
    async fn pass(
        &self,
        answer: Response<AnswerBody>,
        dispatch: &Dispatch,
        client: &mut Client,
        patience: Patience,
    ) -> Passed {
        let (parts, body) = answer.into_parts();
        let status = parts.status;
        let mut head = Response::new(());
        *head.status_mut() = status;
        *head.headers_mut() = headers::for_client(&parts.headers);
        if let Some(reason) = parts.extensions.get::<hyper::ext::ReasonPhrase>() {
            head.extensions_mut().insert(reason.clone());
        }
        headers::add_call(head.headers_mut(), self.reservation.call());

        let is_held = self.is_held(status, &parts.headers);
        let content_type = headers::text(&parts.headers, &CONTENT_TYPE);
        let encoding = headers::text(&parts.headers, &CONTENT_ENCODING);
        let Terms { provider, dialect, .. } = &self.terms;
        let meter = Meter::new(provider, *dialect, content_type.as_deref(), encoding.as_deref());
        let watch = Watch::of(&self.reservation).filter(|_| !is_held);
        let is_cap_lowered = self.reservation.is_cap_lowered();
        let gate = match is_held || (watch.is_none() && !is_cap_lowered) {
            true => None,
            false => StreamGate::new(*dialect, content_type.as_deref(), is_cap_lowered),
        };
        let hides_usage = self.hides_usage && status.is_success();
        let mut passing = Passing {
            call: self,
            client,
            dispatch,
            shape: Shape::of(hides_usage, gate, head.headers_mut()),
            head,
            watch,
            held: is_held.then(Vec::new),
            held_bytes: 0,
            meter,
            is_ended: false,
        };
        if !is_held {
            passing.send_head();
        }
        let (end, first_byte) = passing.run(body, patience).await;
        let Passing { head, held, meter, is_ended, .. } = passing;
        let lasted = dispatch.left_at().map_or(Duration::ZERO, |left| left.elapsed());
        let reading = meter.finish();
        Passed { status, head, encoding, held, end, is_ended, first_byte, lasted, reading }
    }

    /// Errors and whole documents wait for their settlement, and carry its figures.
    fn is_held(&self, status: StatusCode, upstream: &HeaderMap) -> bool {
        let media_type = headers::media_type(upstream);
        let is_document = media_type == "application/json" || media_type.ends_with("+json");
        !status.is_success() || (is_document && !self.terms.streams)
    }
}
