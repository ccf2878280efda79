//! One answer on its way to its client, read by the meter as it passes.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use http::Response;
use http_body::Frame;
use http_body_util::BodyExt;
use outlay_core::refusal::Refusal;
use outlay_wire::{Meter, RefusalFacts};

use crate::bill::End;
use crate::dispatch::Dispatch;
use crate::headers;
use crate::relay::{Call, Patience};
use crate::shape::{Shape, Shown};
use crate::transfer::Client;
use crate::upstream::SILENCE_MAX;
use crate::watch::{LOOK_EVERY, Verdict, Watch};

/// The longest body that is held until the call is settled; the rest of a longer one streams.
const HELD_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Pieces that came together go on together up to this length.
const GATHERED_BYTES_MAX: usize = 16 * 1024;

/// One answer while it passes.
pub(crate) struct Passing<'a> {
    pub(crate) call: &'a Call,
    pub(crate) client: &'a mut Client,
    pub(crate) dispatch: &'a Dispatch,
    /// What the client's head says, until it is sent.
    pub(crate) head: Response<()>,
    /// Set where the client does not get just what the provider sends.
    pub(crate) shape: Option<Shape>,
    /// Set where the call has to draw money as it goes.
    pub(crate) watch: Option<Watch>,
    /// What is held back, in order; `None` where it passes.
    pub(crate) held: Option<Vec<Bytes>>,
    pub(crate) held_bytes: usize,
    pub(crate) meter: Meter,
    /// Whether the client has got an end of ours, because of a limit.
    pub(crate) is_ended: bool,
}

type Arrived = Option<Result<Frame<Bytes>, reqwest::Error>>;

impl Passing<'_> {
    /// Passes the body on until it ends, and says how and when it began.
    pub(crate) async fn run(
        &mut self,
        mut body: reqwest::Body,
        mut patience: Patience,
    ) -> (End, Option<Duration>) {
        let mut first_byte = None;
        let mut next = None;
        let end = loop {
            let arrived = match next.take() {
                Some(arrived) => arrived,
                None => tokio::select! {
                    biased;
                    arrived = self.arrival(&mut body) => match arrived {
                        Ok(arrived) => arrived,
                        Err(end) => break end,
                    },
                    () = &mut patience => break End::ClientLeft,
                },
            };
            let frame = match arrived {
                Some(Ok(frame)) => frame,
                Some(Err(_)) => break End::Broken,
                None => break End::Complete,
            };
            first_byte = first_byte.or_else(|| Some(self.call.admitted.elapsed()));
            let frame = match frame.into_data() {
                Ok(first) => {
                    let piece;
                    (piece, next) = gather(first, &mut body).await;
                    Frame::data(piece)
                }
                Err(frame) => frame,
            };
            // A client that has stopped reading must not keep the call from its end.
            let taken = tokio::select! {
                biased;
                taken = self.take(frame) => taken,
                () = &mut patience => Err(End::ClientLeft),
            };
            if let Err(end) = taken {
                break end;
            }
        };
        if end != End::ClientLeft {
            tokio::select! {
                biased;
                () = self.finish() => {}
                () = &mut patience => {}
            }
        }
        (end, first_byte)
    }

    /// Waits for what comes next. A model that may generate without a word is looked after meanwhile.
    ///
    /// # Errors
    /// When nothing comes any more, or the money is used up.
    async fn arrival(&mut self, body: &mut reqwest::Body) -> Result<Arrived, End> {
        let generates_unseen = self.call.terms.unseen.output_tokens_max.is_some();
        if self.watch.is_none() || !generates_unseen {
            let arrived = tokio::time::timeout(SILENCE_MAX, body.frame()).await;
            return arrived.map_err(|_| End::Broken);
        }
        let since = Instant::now();
        while since.elapsed() < SILENCE_MAX {
            match tokio::time::timeout(LOOK_EVERY, body.frame()).await {
                Ok(arrived) => return Ok(arrived),
                Err(_) => self.look().await?,
            }
        }
        Err(End::Broken)
    }

    /// Takes what arrived.
    ///
    /// # Errors
    /// When it is the last that the client gets.
    async fn take(&mut self, frame: Frame<Bytes>) -> Result<(), End> {
        match frame.into_data() {
            Ok(piece) => {
                self.meter.feed(&piece);
                // First, for what has passed cannot be taken back.
                self.look().await?;
                self.pass(piece).await
            }
            Err(frame) => {
                if let (Ok(trailers), None, false) =
                    (frame.into_trailers(), &self.held, self.is_ended)
                {
                    self.client.send_trailers(trailers).await;
                }
                Ok(())
            }
        }
    }

    async fn pass(&mut self, piece: Bytes) -> Result<(), End> {
        if let Some(held) = &mut self.held {
            self.held_bytes += piece.len();
            held.push(piece);
            if self.held_bytes > HELD_BYTES_MAX {
                self.release().await;
            }
            return Ok(());
        }
        let Some(shape) = &mut self.shape else {
            self.client.send_piece(piece).await;
            return Ok(());
        };
        let shown = shape.feed(&piece).map_err(|_| End::Broken)?;
        self.show(shown).await
    }

    async fn show(&mut self, shown: Shown) -> Result<(), End> {
        self.client.send_piece(shown.bytes.into()).await;
        if !shown.is_cap_hit {
            return Ok(());
        }
        // The provider is heard to the end, for it has yet to say what that was.
        let refusal = self.call.reservation.stop(self.call.app.now()).await;
        match refusal {
            Ok(Some(refusal)) => self.end_early(&refusal).await,
            // The budget was removed meanwhile.
            Ok(None) => Err(End::Broken),
            Err(error) => {
                tracing::error!(%error, "nobody can tell which limit an answer met");
                Err(End::Broken)
            }
        }
    }

    /// Whether the call may go on, where it is watched.
    ///
    /// # Errors
    /// When it may not: it has been ended.
    async fn look(&mut self) -> Result<(), End> {
        let Some(watch) = &mut self.watch else { return Ok(()) };
        if self.is_ended || self.shape.as_ref().is_some_and(Shape::is_ended) {
            return Ok(());
        }
        let Call { app, terms, reservation, .. } = self.call;
        let lasted = self.dispatch.left_at().map_or(Duration::ZERO, |left| left.elapsed());
        let produced = terms.unseen.produced(self.meter.output_tokens_so_far(), lasted);
        match watch.look(app, reservation, produced).await {
            Verdict::GoesOn => Ok(()),
            Verdict::Ends(None) => Err(End::Broken),
            Verdict::Ends(Some(refusal)) => {
                self.end_early(&refusal).await?;
                Err(End::AtLimit)
            }
        }
    }

    /// Gives the client an end of ours.
    ///
    /// # Errors
    /// Where there is no form for one.
    async fn end_early(&mut self, refusal: &Refusal) -> Result<(), End> {
        let facts = RefusalFacts::of(refusal, &self.call.app.base_url());
        let end = self.shape.as_mut().map(|shape| shape.end(&facts)).unwrap_or_default();
        if end.is_empty() {
            return Err(End::Broken);
        }
        self.is_ended = true;
        self.client.send_piece(end.into()).await;
        Ok(())
    }

    /// Lets go what was kept back for the rest of an event.
    async fn finish(&mut self) {
        if let (None, Some(shape)) = (&self.held, &mut self.shape) {
            let shown = shape.finish();
            // The stream ends here either way.
            let _ = self.show(shown).await;
        }
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
    pub(crate) fn send_head(&mut self) {
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
