//! The task that owns a call on its way: the upstream, the reservation and the meter.
//!
//! It lives on when its client goes away, so no settlement is lost. The client gets each piece the
//! moment it arrives; the meter reads the same bytes afterwards.

use std::pin::Pin;
use std::time::{Duration, Instant};

use bytes::Bytes;
use chrono::TimeDelta;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, Response, StatusCode};
use http_body_util::BodyExt;
use outlay_core::budget::QuotaStanding;
use outlay_core::cost::Bill;
use outlay_core::ledger::{Reservation, Settled, Settlement};
use outlay_wire::decode::{Decoder, decode_whole};
use outlay_wire::{ErrorKind, Meter, Reading, UsageChunkFilter, classify};

use crate::app::{App, RunningCall};
use crate::bill::{self, End, Terms};
use crate::headers;
use crate::reply::{self, Failure};
use crate::transfer::Client;
use crate::upstream::{Outgoing, SILENCE_MAX};

/// The longest body that is held until the call is settled; the rest of a longer one streams.
const HELD_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How much of an error's body is looked at.
const ERROR_BYTES_MAX: usize = 1024 * 1024;
/// How long a whole answer waits for its settlement, which may wait for a full disk.
const SETTLE_MAX: Duration = Duration::from_secs(2);

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
    pub(crate) admitted: Instant,
    pub(crate) running: RunningCall,
}

/// How the way to the end went.
struct Passed {
    end: End,
    first_byte: Option<Duration>,
    reading: Reading,
    /// What was held back of the body, in order.
    held: Option<Vec<Bytes>>,
}

type Patience = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Sends the call, passes its answer to the client and settles it.
pub(crate) async fn run(call: Call, outgoing: Outgoing, mut client: Client) {
    let mut patience = patience(&call.app, &client);
    call.reservation.mark_sent();
    let sent = tokio::select! {
        biased;
        sent = call.app.upstream().send(outgoing) => sent,
        () = &mut patience => return call.left_unanswered(&mut client).await,
    };
    match sent {
        Ok(answer) => call.pass(answer, client, patience).await,
        Err(error) => {
            let failure = error.failure(&call.terms.provider, &call.authority);
            let is_sent = !matches!(error, crate::upstream::SendError::Unsent(_));
            call.fail(&failure, is_sent, None, &mut client).await;
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
    async fn pass(self, answer: Response<reqwest::Body>, mut client: Client, patience: Patience) {
        let (parts, mut body) = answer.into_parts();
        let status = parts.status;
        let mut head = Response::new(());
        *head.status_mut() = status;
        *head.headers_mut() = headers::for_client(&parts.headers);
        if let Some(reason) = parts.extensions.get::<hyper::ext::ReasonPhrase>() {
            head.extensions_mut().insert(reason.clone());
        }
        headers::add_call(head.headers_mut(), self.reservation.call());

        let is_held = self.is_held(status, &parts.headers);
        let filter = Filter::of(self.hides_usage && status.is_success(), head.headers_mut());
        if !is_held {
            headers::add_quota(head.headers_mut(), self.standing.as_ref());
            client.send_head(std::mem::take(&mut head));
        }
        let passing = Passing { call: &self, client: &mut client, patience, head: &mut head };
        let passed = passing.run(&parts.headers, &mut body, filter, is_held).await;
        drop(body);
        self.end(status, &parts.headers, passed, head, client).await;
    }

    /// Errors and whole documents wait for their settlement, and carry its figures.
    fn is_held(&self, status: StatusCode, upstream: &HeaderMap) -> bool {
        let media_type = headers::media_type(upstream);
        let is_document = media_type == "application/json" || media_type.ends_with("+json");
        !status.is_success() || (is_document && !self.terms.streams)
    }

    async fn end(
        self,
        status: StatusCode,
        upstream: &HeaderMap,
        passed: Passed,
        mut head: Response<()>,
        mut client: Client,
    ) {
        let Passed { end, first_byte, reading, held } = passed;
        let Call { app, terms, reservation, standing, authority, admitted, running, .. } = self;
        let (bill, error_kind) = match status.is_success() {
            true => bill::of_answer(&app.ledger().prices(), &terms, &reading, end),
            false => (None, Some(error_kind(&terms, status, upstream, held.as_deref()))),
        };
        let is_empty_handed = held.as_ref().is_some_and(Vec::is_empty) && end == End::Broken;
        let settlement = Settlement {
            http_status: Some(status.as_u16()),
            ..settlement(&app, &terms, bill, error_kind, Some(&reading), admitted, first_byte)
        };
        // Queued now: whoever asks after the last byte sees the figures.
        let settling = reservation.settle(settlement);
        let Some(held) = held else {
            if end == End::Broken {
                client.break_off().await;
            } else {
                drop(client);
            }
            settled(&app, settling.await);
            drop(running);
            return;
        };
        let settling = settling.into_future();
        let waited = wait_for(&app, settling).await;
        let (cost, standing) = match waited {
            Some(settled) => (settled.cost, settled.standing),
            None => (None, standing),
        };
        headers::add_quota(head.headers_mut(), standing.as_ref());
        if is_empty_handed && status.is_success() {
            let error =
                crate::upstream::SendError::NoAnswer("the connection was closed".to_owned());
            let mut reply =
                reply::failed(&error.failure(&terms.provider, &authority), terms.dialect);
            reply.headers_mut().extend(
                head.headers()
                    .iter()
                    .filter(|(name, _)| name.as_str().starts_with("x-"))
                    .map(|(name, value)| (name.clone(), value.clone())),
            );
            return client.send_reply(reply);
        }
        headers::add_cost(head.headers_mut(), cost);
        if error_kind == Some(ErrorKind::InsufficientQuota.as_str()) {
            headers::add_no_retry(head.headers_mut());
        }
        client.send_head(head);
        for piece in held {
            client.send_piece(piece).await;
        }
        if end == End::Broken {
            client.break_off().await;
        }
        drop(running);
    }

    /// The client went away before the provider answered.
    async fn left_unanswered(self, client: &mut Client) {
        let nothing = Meter::new(&self.terms.provider, self.terms.dialect, None, None).finish();
        let prices = self.app.ledger().prices();
        let (bill, _) = bill::of_answer(&prices, &self.terms, &nothing, End::ClientLeft);
        let settlement = settlement(&self.app, &self.terms, bill, None, None, self.admitted, None);
        let settling = self.reservation.settle(settlement);
        let failure = Failure {
            status: 503,
            code: "stopping",
            message: "Outlay: it is being stopped; the call was ended and counted as an estimate"
                .to_owned(),
        };
        client.send_reply(reply::failed(&failure, self.terms.dialect));
        settled(&self.app, settling.await);
    }

    /// The provider gave no answer that could be passed on.
    async fn fail(
        self,
        failure: &Failure,
        is_sent: bool,
        first_byte: Option<Duration>,
        client: &mut Client,
    ) {
        self.app.stats().upstream_failed();
        let bill = is_sent.then(|| bill::bound(&self.terms));
        let kind = Some(ErrorKind::Other.as_str());
        let settlement =
            settlement(&self.app, &self.terms, bill, kind, None, self.admitted, first_byte);
        let call = self.reservation.call();
        let settling = self.reservation.settle(settlement).into_future();
        let waited = wait_for(&self.app, settling).await;
        let standing = waited.map_or(self.standing, |settled| settled.standing);
        let mut reply = reply::failed(failure, self.terms.dialect);
        headers::add_call(reply.headers_mut(), call);
        headers::add_quota(reply.headers_mut(), standing.as_ref());
        client.send_reply(reply);
    }
}

/// One answer while it passes.
struct Passing<'a> {
    call: &'a Call,
    client: &'a mut Client,
    patience: Patience,
    head: &'a mut Response<()>,
}

impl Passing<'_> {
    async fn run(
        mut self,
        upstream: &HeaderMap,
        body: &mut reqwest::Body,
        mut filter: Option<Filter>,
        is_held: bool,
    ) -> Passed {
        let Call { terms, admitted, .. } = self.call;
        let mut meter = Meter::new(
            &terms.provider,
            terms.dialect,
            headers::text(upstream, &CONTENT_TYPE).as_deref(),
            headers::text(upstream, &CONTENT_ENCODING).as_deref(),
        );
        let mut held = is_held.then(Vec::new);
        let mut held_bytes = 0;
        let mut first_byte = None;
        let end = loop {
            let frame = tokio::select! {
                biased;
                frame = tokio::time::timeout(SILENCE_MAX, body.frame()) => frame,
                () = &mut self.patience => break End::ClientLeft,
            };
            let frame = match frame {
                Ok(Some(Ok(frame))) => frame,
                Ok(None) => break End::Complete,
                Ok(Some(Err(_))) | Err(_) => break End::Broken,
            };
            first_byte = first_byte.or_else(|| Some(admitted.elapsed()));
            let piece = match frame.into_data() {
                Ok(piece) => piece,
                Err(frame) => {
                    if let (Ok(trailers), None) = (frame.into_trailers(), &held) {
                        self.client.send_trailers(trailers).await;
                    }
                    continue;
                }
            };
            match (&mut held, &mut filter) {
                (Some(pieces), _) => {
                    held_bytes += piece.len();
                    pieces.push(piece.clone());
                }
                (None, Some(filter)) => self.client.send_piece(filter.feed(&piece)).await,
                (None, None) => self.client.send_piece(piece.clone()).await,
            }
            if held_bytes > HELD_BYTES_MAX {
                held_bytes = 0;
                self.release(held.take().unwrap_or_default()).await;
            }
            meter.feed(&piece);
        };
        if let Some(filter) = filter.filter(|_| held.is_none()) {
            self.client.send_piece(filter.finish()).await;
        }
        Passed { end, first_byte, reading: meter.finish(), held }
    }

    /// Too long to be held: goes on as a stream.
    async fn release(&mut self, pieces: Vec<Bytes>) {
        headers::add_quota(self.head.headers_mut(), self.call.standing.as_ref());
        self.client.send_head(std::mem::take(self.head));
        for piece in pieces {
            self.client.send_piece(piece).await;
        }
    }
}

/// Hides the usage chunk that we asked for. What is compressed is unpacked for it.
struct Filter {
    decoder: Decoder,
    chunks: UsageChunkFilter,
    is_broken: bool,
}

impl Filter {
    fn of(hides_usage: bool, head: &mut HeaderMap) -> Option<Filter> {
        if !hides_usage || headers::media_type(head) != "text/event-stream" {
            return None;
        }
        let encoding = head.remove(CONTENT_ENCODING);
        let encoding = encoding.as_ref().and_then(|encoding| encoding.to_str().ok());
        head.remove(CONTENT_LENGTH);
        let decoder = Decoder::new(encoding);
        Some(Filter { decoder, chunks: UsageChunkFilter::new(), is_broken: false })
    }

    fn feed(&mut self, piece: &[u8]) -> Bytes {
        let mut shown = Vec::new();
        let Filter { decoder, chunks, .. } = self;
        let decoded = decoder.feed(piece, |bytes| shown.extend(chunks.feed(bytes)));
        self.is_broken |= decoded.is_err();
        shown.into()
    }

    fn finish(self) -> Bytes {
        self.chunks.finish().into()
    }
}

fn error_kind(
    terms: &Terms,
    status: StatusCode,
    upstream: &HeaderMap,
    held: Option<&[Bytes]>,
) -> &'static str {
    let body = held.unwrap_or_default().concat();
    let encoding = headers::text(upstream, &CONTENT_ENCODING);
    let decoded = decode_whole(encoding.as_deref(), &body, ERROR_BYTES_MAX).unwrap_or_default();
    classify(terms.dialect, status.as_u16(), &decoded).as_str()
}

fn settlement(
    app: &App,
    terms: &Terms,
    bill: Option<Bill>,
    error_kind: Option<&'static str>,
    reading: Option<&Reading>,
    admitted: Instant,
    first_byte: Option<Duration>,
) -> Settlement {
    let metered = reading.map(|reading| &reading.metered);
    let served = metered.and_then(|metered| metered.model.clone());
    let asked = Some(terms.model.clone()).filter(|model| !model.is_empty());
    let delta = |duration| TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX);
    Settlement {
        model: served.or_else(|| asked.filter(|_| bill.is_some())),
        response_id: metered.and_then(|metered| metered.response_id.clone()),
        turn_prompt_tokens: metered.and_then(|metered| metered.turn_prompt_tokens),
        bill,
        http_status: None,
        error_kind,
        duration: delta(admitted.elapsed()),
        first_byte: first_byte.map(delta),
        at: app.now(),
    }
}

type Outcome = Result<Settled, outlay_core::ledger::LedgerError>;

/// Waits for a settlement, but not for long: it goes on without us.
async fn wait_for(
    app: &App,
    settling: impl Future<Output = Outcome> + Send + Unpin + 'static,
) -> Option<Settled> {
    let mut settling = settling;
    match tokio::time::timeout(SETTLE_MAX, &mut settling).await {
        Ok(outcome) => settled(app, outcome),
        Err(_) => {
            let app = app.clone();
            app.clone().running().spawn(async move { settled(&app, settling.await) });
            None
        }
    }
}

fn settled(app: &App, outcome: Outcome) -> Option<Settled> {
    app.waiting().wake();
    outcome.map_err(|error| tracing::error!(%error, "a call could not be settled")).ok()
}
