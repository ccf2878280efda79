//! The task that owns a call on its way: the upstream, the reservation and the meter.
//!
//! It lives on when its client goes away, so no settlement is lost. The client gets each piece the
//! moment it arrives; the meter reads the same bytes afterwards.

use std::pin::Pin;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, Response, StatusCode};
use http_body_util::BodyExt;
use outlay_core::budget::QuotaStanding;
use outlay_core::ledger::Reservation;
use outlay_wire::decode::{DecodeError, Decoder};
use outlay_wire::{Meter, Reading, UsageChunkFilter};

use crate::app::App;
use crate::bill::{End, Terms};
use crate::dispatch::Dispatch;
use crate::headers;
use crate::transfer::Client;
use crate::upstream::{Outgoing, SILENCE_MAX};

/// The longest body that is held until the call is settled; the rest of a longer one streams.
const HELD_BYTES_MAX: usize = 64 * 1024 * 1024;

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
    /// From admission to the first byte of the body.
    pub(crate) first_byte: Option<Duration>,
    /// From when the request left to the end.
    pub(crate) lasted: Duration,
    pub(crate) reading: Reading,
}

type Patience = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Sends the call, passes its answer to the client and settles it.
pub(crate) async fn run(call: Call, outgoing: Outgoing, mut client: Client) {
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
        answer: Response<reqwest::Body>,
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
        let filter = Filter::of(self.hides_usage && status.is_success(), head.headers_mut());
        let mut passing = Passing { call: self, client, head, filter, held: None };
        if is_held {
            passing.held = Some(Vec::new());
        } else {
            passing.send_head();
        }
        let content_type = headers::text(&parts.headers, &CONTENT_TYPE);
        let encoding = headers::text(&parts.headers, &CONTENT_ENCODING);
        let Terms { provider, dialect, .. } = &self.terms;
        let mut meter =
            Meter::new(provider, *dialect, content_type.as_deref(), encoding.as_deref());
        let (end, first_byte) = passing.run(body, &mut meter, patience).await;
        let Passing { head, held, .. } = passing;
        let lasted = dispatch.left_at().map_or(Duration::ZERO, |left| left.elapsed());
        Passed { status, head, encoding, held, end, first_byte, lasted, reading: meter.finish() }
    }

    /// Errors and whole documents wait for their settlement, and carry its figures.
    fn is_held(&self, status: StatusCode, upstream: &HeaderMap) -> bool {
        let media_type = headers::media_type(upstream);
        let is_document = media_type == "application/json" || media_type.ends_with("+json");
        !status.is_success() || (is_document && !self.terms.streams)
    }
}

/// One answer while it passes.
struct Passing<'a> {
    call: &'a Call,
    client: &'a mut Client,
    head: Response<()>,
    filter: Option<Filter>,
    held: Option<Vec<Bytes>>,
}

impl Passing<'_> {
    /// Passes the body on until it ends, and says how and when it began.
    async fn run(
        &mut self,
        mut body: reqwest::Body,
        meter: &mut Meter,
        mut patience: Patience,
    ) -> (End, Option<Duration>) {
        let mut first_byte = None;
        let mut held_bytes = 0;
        let mut next = None;
        let end = loop {
            let frame = match next.take() {
                Some(frame) => Ok(frame),
                None => tokio::select! {
                    biased;
                    frame = tokio::time::timeout(SILENCE_MAX, body.frame()) => frame,
                    () = &mut patience => break End::ClientLeft,
                },
            };
            let frame = match frame {
                Ok(Some(Ok(frame))) => frame,
                Ok(None) => break End::Complete,
                Ok(Some(Err(_))) | Err(_) => break End::Broken,
            };
            first_byte = first_byte.or_else(|| Some(self.call.admitted.elapsed()));
            match frame.into_data() {
                Ok(first) => {
                    let piece;
                    (piece, next) = gather(first, &mut body).await;
                    held_bytes += piece.len();
                    // A client that has stopped reading must not keep the call from its end.
                    let passed = tokio::select! {
                        biased;
                        passed = self.pass(piece.clone(), held_bytes) => Some(passed),
                        () = &mut patience => None,
                    };
                    meter.feed(&piece);
                    match passed {
                        Some(Ok(())) => {}
                        Some(Err(_)) => break End::Broken,
                        None => break End::ClientLeft,
                    }
                }
                Err(frame) => {
                    if let (Ok(trailers), None) = (frame.into_trailers(), &self.held) {
                        tokio::select! {
                            biased;
                            () = self.client.send_trailers(trailers) => {}
                            () = &mut patience => break End::ClientLeft,
                        }
                    }
                }
            }
        };
        if let (None, Some(filter)) = (&self.held, self.filter.take())
            && end != End::ClientLeft
        {
            tokio::select! {
                biased;
                () = self.client.send_piece(filter.finish()) => {}
                () = &mut patience => {}
            }
        }
        (end, first_byte)
    }

    async fn pass(&mut self, piece: Bytes, held_bytes: usize) -> Result<(), DecodeError> {
        if let Some(held) = &mut self.held {
            held.push(piece);
            if held_bytes > HELD_BYTES_MAX {
                self.release().await;
            }
            return Ok(());
        }
        let shown = match &mut self.filter {
            Some(filter) => filter.feed(&piece)?,
            None => piece,
        };
        self.client.send_piece(shown).await;
        Ok(())
    }

    /// Too long to be held: goes on as a stream.
    async fn release(&mut self) {
        let held = self.held.take();
        self.send_head();
        for piece in held.unwrap_or_default() {
            self.client.send_piece(piece).await;
        }
    }

    /// The head of what streams: with the figures after the reservation.
    fn send_head(&mut self) {
        let mut head = std::mem::take(&mut self.head);
        headers::add_quota(head.headers_mut(), self.call.standing.as_ref());
        self.client.send_head(head);
    }
}

/// The piece with what has arrived behind it, so that pieces that came together go on together;
/// and what comes after them, where that is known.
async fn gather(first: Bytes, body: &mut reqwest::Body) -> (Bytes, Option<Arrived>) {
    let mut gathered = BytesMut::new();
    let next = loop {
        let mut arrived = body.frame().now_or_never();
        if arrived.is_none() {
            // The connection's task may have the next one in its buffer: give it a turn.
            tokio::task::yield_now().await;
            arrived = body.frame().now_or_never();
        }
        match arrived {
            None => break None,
            Some(Some(Ok(frame))) => match frame.into_data() {
                Ok(more) => {
                    if gathered.is_empty() {
                        gathered.extend_from_slice(&first);
                    }
                    gathered.extend_from_slice(&more);
                    if gathered.len() >= GATHERED_BYTES_MAX {
                        break None;
                    }
                }
                Err(frame) => break Some(Some(Ok(frame))),
            },
            Some(end) => break Some(end),
        }
    };
    if gathered.is_empty() { (first, next) } else { (gathered.freeze(), next) }
}

type Arrived = Option<Result<http_body::Frame<Bytes>, reqwest::Error>>;

/// Pieces that came together go on together up to this length.
const GATHERED_BYTES_MAX: usize = 16 * 1024;

/// Hides the usage chunk that we asked for. What is compressed is unpacked for it.
struct Filter {
    decoder: Decoder,
    chunks: UsageChunkFilter,
}

impl Filter {
    fn of(hides_usage: bool, head: &mut HeaderMap) -> Option<Filter> {
        if !hides_usage || headers::media_type(head) != "text/event-stream" {
            return None;
        }
        let encoding = head.remove(CONTENT_ENCODING);
        let encoding = encoding.as_ref().and_then(|encoding| encoding.to_str().ok());
        head.remove(CONTENT_LENGTH);
        Some(Filter { decoder: Decoder::new(encoding), chunks: UsageChunkFilter::new() })
    }

    fn feed(&mut self, piece: &[u8]) -> Result<Bytes, DecodeError> {
        let mut shown = Vec::new();
        let Filter { decoder, chunks } = self;
        decoder.feed(piece, |bytes| shown.extend(chunks.feed(bytes)))?;
        Ok(shown.into())
    }

    fn finish(self) -> Bytes {
        self.chunks.finish().into()
    }
}
