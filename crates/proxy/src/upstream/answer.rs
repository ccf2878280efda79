//! The body of an answer, as it arrives.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::idle::Idle;
use super::line::{Line, drop_if_over};

/// The body of an answer.
pub(crate) struct AnswerBody {
    incoming: Incoming,
    /// What brings it, and where that goes when it has; `None` where a task of its own does.
    line: Option<Line>,
    idle: Option<Arc<Idle>>,
}

impl AnswerBody {
    /// One that comes over `line`, which goes to `idle` when all of it has been read.
    pub(super) fn of(
        answer: Response<Incoming>,
        line: Option<Line>,
        idle: Arc<Idle>,
    ) -> Response<AnswerBody> {
        answer.map(|incoming| AnswerBody { incoming, line, idle: Some(idle) })
    }

    /// One that a task of its own brings.
    pub(super) fn shared(incoming: Incoming) -> AnswerBody {
        AnswerBody { incoming, line: None, idle: None }
    }

    /// Whether more may come only while others have a turn.
    pub(crate) fn is_shared(&self) -> bool {
        self.idle.is_none()
    }

    /// Keeps the line for the next call, if it can carry one.
    fn release(&mut self, context: &mut Context<'_>) {
        if self.line.as_ref().is_some_and(|line| !line.is_ready()) {
            drop_if_over(&mut self.line, context);
        }
        let line = self.line.take().filter(|line| line.is_ready());
        if let (Some(line), Some(idle)) = (line, &self.idle) {
            idle.put(line);
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = &mut *self;
        let mut polled = Pin::new(&mut this.incoming).poll_frame(context);
        if polled.is_pending() && this.line.is_some() {
            drop_if_over(&mut this.line, context);
            polled = Pin::new(&mut this.incoming).poll_frame(context);
        }
        if matches!(polled, Poll::Ready(None)) {
            this.release(context);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for AnswerBody {
    /// Whoever knows the length does not ask for the end.
    fn drop(&mut self) {
        if self.incoming.is_end_stream() {
            self.release(&mut Context::from_waker(Waker::noop()));
        }
    }
}

impl fmt::Debug for AnswerBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerBody").field("incoming", &self.incoming).finish_non_exhaustive()
    }
}
