//! One answer on its way to its client, read by the meter as it passes.

use std::pin::pin;
use std::task::Poll;
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
use crate::forwarded::{Call, Patience};
use crate::headers;
use crate::shape::{Shape, Shown};
use crate::transfer::Client;
use crate::upstream::{AnswerBody, SILENCE_MAX};
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

type Arrived = Option<Result<Frame<Bytes>, hyper::Error>>;

impl Passing<'_> {
    /// Passes the body on until it ends, and says how and when it began.
    pub(crate) async fn run(
        &mut self,
        mut body: AnswerBody,
        mut patience: Patience,
    ) -> (End, Option<Duration>) {
        let mut first_byte = None;
        let mut next = None;
        let mut silence = pin!(tokio::time::sleep(SILENCE_MAX));
        let mut heard = Instant::now();
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
                    () = silence.as_mut() => {
                        // One timer for all of an answer: what is heard only moves the instant.
                        let left = SILENCE_MAX.saturating_sub(heard.elapsed());
                        if left.is_zero() {
                            break End::Broken;
                        }
                        silence.as_mut().reset((Instant::now() + left).into());
                        continue;
                    }
                },
            };
            heard = Instant::now();
            let frame = match arrived {
                Some(Ok(frame)) => frame,
                Some(Err(_)) => break End::Broken,
                None => break End::Complete,
            };
            first_byte = first_byte.or_else(|| Some(self.call.admitted.elapsed()));
            let taken = match frame.into_data() {
                Ok(mut piece) => {
                    if self.held.is_none() {
                        (piece, next) = gather(piece, &mut body).await;
                    }
                    self.take(piece, &mut patience).await
                }
                Err(frame) => self.take_trailers(frame, &mut patience).await,
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
    /// When the money is used up.
    async fn arrival(&mut self, body: &mut AnswerBody) -> Result<Arrived, End> {
        let generates_unseen = self.call.terms.unseen.output_tokens_max.is_some();
        if self.watch.is_none() || !generates_unseen {
            return Ok(body.frame().await);
        }
        loop {
            match tokio::time::timeout(LOOK_EVERY, body.frame()).await {
                Ok(arrived) => return Ok(arrived),
                Err(_) => self.look().await?,
            }
        }
    }

    /// Passes a piece on, and has the meter read it.
    ///
    /// # Errors
    /// When it is the last that the client gets.
    async fn take(&mut self, piece: Bytes, patience: &mut Patience) -> Result<(), End> {
        let is_watched = self.watch.is_some();
        if is_watched {
            // First, for what has passed cannot be taken back.
            self.meter.feed(&piece);
        }
        // A client that has stopped reading must not keep the call from its end.
        let passed = tokio::select! {
            biased;
            passed = async {
                self.look().await?;
                self.pass(piece.clone()).await
            } => passed,
            () = patience => Err(End::ClientLeft),
        };
        if !is_watched {
            if self.held.is_none() {
                // The client gets it before it is read.
                turn().await;
            }
            self.meter.feed(&piece);
        }
        passed
    }

    async fn take_trailers(
        &mut self,
        frame: Frame<Bytes>,
        patience: &mut Patience,
    ) -> Result<(), End> {
        let (Ok(trailers), None, false) = (frame.into_trailers(), &self.held, self.is_ended) else {
            return Ok(());
        };
        tokio::select! {
            biased;
            () = self.client.send_trailers(trailers) => Ok(()),
            () = patience => Err(End::ClientLeft),
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
        let shown = terms.unseen.produced(self.meter.output_tokens_so_far(), lasted);
        match watch.look(app, reservation, shown).await {
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

/// Lets the tasks have a turn that are ready to run, without asking the system for more of them.
async fn turn() {
    let mut has_waited = false;
    std::future::poll_fn(move |context| {
        if std::mem::replace(&mut has_waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// The piece with what has arrived behind it, so that pieces that came together go on together;
/// and what comes after them, where that is known.
async fn gather(first: Bytes, body: &mut AnswerBody) -> (Bytes, Option<Arrived>) {
    let mut gathered = BytesMut::new();
    let next = loop {
        let mut arrived = body.frame().now_or_never();
        if arrived.is_none() && body.is_shared() {
            // The connection's task may have the next one in its buffer.
            turn().await;
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
