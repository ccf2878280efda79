//! Bodies on their way: a request read whole, an answer passed on piece by piece.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Response};
use http_body::Frame;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::sync::{mpsc, oneshot};

use crate::reply::Failure;

/// The longest request that is passed on.
const REQUEST_BYTES_MAX: usize = 256 * 1024 * 1024;
/// What is set aside for a request by its own word.
const ANNOUNCED_BYTES_MAX: u64 = 1024 * 1024;
/// Pieces on their way to a client that is slower than the provider.
const PIECES_MAX: usize = 64;

/// Reads a request's body.
///
/// # Errors
/// When it is too long, or the client stopped sending.
pub(crate) async fn read_request<B>(body: B) -> Result<Bytes, Failure>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    whole(Limited::new(body, REQUEST_BYTES_MAX)).await.map_err(|error| {
        if error.is::<LengthLimitError>() {
            return Failure {
                status: 413,
                code: "request_too_large",
                message: format!(
                    "Outlay: the request is longer than {} MB, which is the most that is passed on",
                    REQUEST_BYTES_MAX / 1024 / 1024
                ),
            };
        }
        Failure {
            status: 400,
            code: "request_cut",
            message: "Outlay: the request broke off before its end; nothing was sent".to_owned(),
        }
    })
}

/// The body in one piece; pieces are given back as they come.
async fn whole<B: http_body::Body<Data = Bytes>>(body: B) -> Result<Bytes, B::Error> {
    let mut body = std::pin::pin!(body);
    let announced = body.size_hint().lower().min(ANNOUNCED_BYTES_MAX) as usize;
    let mut whole = Bytes::new();
    let mut joined = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame?.into_data() else { continue };
        if whole.is_empty() && joined.is_empty() {
            whole = piece;
            continue;
        }
        if joined.is_empty() {
            joined.reserve(announced.max(whole.len() + piece.len()));
            joined.extend_from_slice(&std::mem::take(&mut whole));
        }
        joined.extend_from_slice(&piece);
    }
    Ok(if joined.is_empty() { whole } else { joined.freeze() })
}

/// The client's end of an answer: where its head and its pieces go.
#[derive(Debug)]
pub(crate) struct Client {
    head: Option<oneshot::Sender<Response<Option<Body>>>>,
    pieces: mpsc::Sender<Result<Frame<Bytes>, Broken>>,
}

/// The answer as the client will get it.
#[derive(Debug)]
pub(crate) struct Answer {
    head: oneshot::Receiver<Response<Option<Body>>>,
    pieces: mpsc::Receiver<Result<Frame<Bytes>, Broken>>,
}

/// The answer ends before its end: the connection is closed so that nobody takes it for whole.
#[derive(Debug, thiserror::Error)]
#[error("the provider closed the connection before the end of its answer")]
pub(crate) struct Broken;

/// A client and the answer that it is given.
pub(crate) fn channel() -> (Client, Answer) {
    let (head, head_receiver) = oneshot::channel();
    let (pieces, pieces_receiver) = mpsc::channel(PIECES_MAX);
    (Client { head: Some(head), pieces }, Answer { head: head_receiver, pieces: pieces_receiver })
}

impl Client {
    /// Returns when the client has gone away, whether it has its head yet or not. Lives beside the
    /// client itself.
    pub(crate) fn departure(&self) -> impl Future<Output = ()> + Send + 'static {
        let pieces = self.pieces.clone();
        async move { pieces.closed().await }
    }

    /// Sends the head; only the first one counts. The body follows in pieces.
    pub(crate) fn send_head(&mut self, head: Response<()>) {
        self.send(head.map(|()| None));
    }

    /// Sends an answer of our own, complete with its body, and with those of `headers` that are
    /// ours.
    pub(crate) fn send_reply(&mut self, mut reply: Response<Body>, headers: &HeaderMap) {
        let is_ours = |name: &str| name.starts_with("x-outlay-") || name.starts_with("x-quota-");
        let ours = headers.iter().filter(|(name, _)| is_ours(name.as_str()));
        reply.headers_mut().extend(ours.map(|(name, value)| (name.clone(), value.clone())));
        self.send(reply.map(Some));
    }

    fn send(&mut self, head: Response<Option<Body>>) {
        if let Some(sender) = self.head.take() {
            // Nobody waits for it where the client has gone away.
            drop(sender.send(head));
        }
    }

    /// Passes a piece on; waits while the client is slow. Nothing happens once it has gone away.
    pub(crate) async fn send_piece(&self, piece: Bytes) {
        if !piece.is_empty() {
            drop(self.pieces.send(Ok(Frame::data(piece))).await);
        }
    }

    /// Passes trailers on.
    pub(crate) async fn send_trailers(&self, trailers: HeaderMap) {
        drop(self.pieces.send(Ok(Frame::trailers(trailers))).await);
    }

    /// Ends the answer in a way that shows that it is not whole.
    pub(crate) async fn break_off(self) {
        drop(self.pieces.send(Err(Broken)).await);
    }
}

impl Answer {
    /// Waits for the head. `None` where there will be none.
    pub(crate) async fn response(mut self) -> Option<Response<Body>> {
        // Borrowed, so that the pieces' receiver lives for as long as the client waits.
        let (parts, body) = (&mut self.head).await.ok()?.into_parts();
        let pieces = Pieces { receiver: self.pieces, is_breaking: false };
        Some(Response::from_parts(parts, body.unwrap_or_else(|| Body::new(pieces))))
    }
}

/// The pieces as a body.
struct Pieces {
    receiver: mpsc::Receiver<Result<Frame<Bytes>, Broken>>,
    is_breaking: bool,
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if self.is_breaking {
            return Poll::Ready(Some(Err(Broken)));
        }
        let polled = self.receiver.poll_recv(context);
        if let Poll::Ready(Some(Err(Broken))) = polled {
            // The server drops what it has not flushed on an error: give it a turn to flush.
            self.is_breaking = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        polled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
    }

    #[test]
    fn pieces_arrive_in_order_and_a_break_shows() {
        for is_broken in [false, true] {
            runtime().block_on(async {
                let (mut client, answer) = channel();
                client.send_head(Response::new(()));
                let body = answer.response().await.unwrap().into_body();
                client.send_piece(Bytes::from_static(b"one ")).await;
                client.send_piece(Bytes::new()).await;
                client.send_piece(Bytes::from_static(b"two")).await;
                match is_broken {
                    true => client.break_off().await,
                    false => drop(client),
                }
                let collected = body.collect().await;
                match is_broken {
                    true => assert!(collected.is_err()),
                    false => assert_eq!(collected.unwrap().to_bytes(), "one two"),
                }
            });
        }
    }

    #[test]
    fn a_client_that_leaves_is_noticed_before_and_after_the_head() {
        for has_head in [false, true] {
            runtime().block_on(async {
                let (mut client, answer) = channel();
                let departure = client.departure();
                if has_head {
                    client.send_head(Response::new(()));
                    drop(answer.response().await);
                } else {
                    drop(answer);
                }
                departure.await;
                client.send_piece(Bytes::from_static(b"nobody reads this")).await;
            });
        }
    }

    #[test]
    fn a_request_is_bounded() {
        runtime().block_on(async {
            let body = read_request(Body::from("hello")).await.unwrap();
            assert_eq!(body, "hello");
            let piece = Bytes::from(vec![0; 1024 * 1024]);
            let pieces = (0..=256).map(move |_| Ok::<_, std::io::Error>(piece.clone()));
            let endless = Body::from_stream(futures_util::stream::iter(pieces));
            assert_eq!(read_request(endless).await.unwrap_err().status, 413);
        });
    }
}
