//! A connection to a provider that carries one call at a time (HTTP/1.1).
//!
//! No task of its own looks after it: the call that has it does, so that nothing has to be woken
//! between the socket and the call.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, Connection, SendRequest};

use super::dial::{Forwarder, Io};
use crate::dispatch::NotedBody;

/// The longest head of an answer, and what is read of one at a time.
const READ_BYTES_MAX: usize = 32 * 1024;

/// A connection that is not in use.
pub(super) struct Line {
    sender: SendRequest<NotedBody>,
    connection: Box<Connection<Box<dyn Io>, NotedBody>>,
    forwarder: Option<Forwarder>,
    pub(super) idle_since: Instant,
}

impl Line {
    /// Over a new connection.
    ///
    /// # Errors
    /// None that is known of: nothing is sent yet.
    pub(super) async fn new(
        io: Box<dyn Io>,
        forwarder: Option<Forwarder>,
    ) -> Result<Line, hyper::Error> {
        let (sender, connection) =
            http1::Builder::new().max_buf_size(READ_BYTES_MAX).handshake(io).await?;
        Ok(Line { sender, connection: Box::new(connection), forwarder, idle_since: Instant::now() })
    }

    /// The proxy that reads what is sent here.
    pub(super) fn forwarder(&self) -> Option<&Forwarder> {
        self.forwarder.as_ref()
    }

    /// Whether the other end has closed it.
    pub(super) fn is_closed(&mut self) -> bool {
        self.poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    /// Sends a request and waits for the head of its answer. The line is there for as long as its
    /// body has to be read, and for the next request; `None` once it is over.
    ///
    /// # Errors
    /// With the request where nothing was sent of it.
    pub(super) async fn send(
        mut self,
        request: Request<NotedBody>,
    ) -> Result<(Response<Incoming>, Option<Line>), TrySendError<Request<NotedBody>>> {
        let mut answering = std::pin::pin!(self.sender.try_send_request(request));
        let mut line = Some(self);
        let answer = std::future::poll_fn(|context| {
            // A line that is over tells the request so when it is dropped.
            drop_if_over(&mut line, context);
            answering.as_mut().poll(context)
        });
        Ok((answer.await?, line))
    }

    /// Whether it can carry a request.
    pub(super) fn is_ready(&self) -> bool {
        self.sender.is_ready()
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut *self.connection).poll(context).map(|outcome| {
            if let Err(error) = outcome {
                tracing::debug!(%error, "a connection to a provider ended early");
            }
        })
    }
}

/// Looks after the line, as far as that goes without waiting.
pub(super) fn drop_if_over(line: &mut Option<Line>, context: &mut Context<'_>) {
    if line.as_mut().is_some_and(|line| line.poll(context).is_ready()) {
        *line = None;
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("idle_since", &self.idle_since).finish_non_exhaustive()
    }
}
