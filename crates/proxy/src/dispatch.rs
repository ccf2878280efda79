//! Whether a request has left, told by its body.
//!
//! A connection asks for the body when it has taken the head. Until then, while names are looked
//! up, connections made and keys exchanged, the provider knows of nothing that it could bill.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http_body::{Frame, SizeHint};

/// When a request left, once it has. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dispatch(Arc<OnceLock<Instant>>);

impl Dispatch {
    /// When it left; `None` while nobody has it.
    pub(crate) fn left_at(&self) -> Option<Instant> {
        self.0.get().copied()
    }

    /// It leaves now. Only the first time counts.
    pub(crate) fn leaves(&self) {
        self.0.get_or_init(Instant::now);
    }

    /// `bytes` as a body that notes here when it is asked for.
    pub(crate) fn body(&self, bytes: Bytes) -> NotedBody {
        NotedBody { bytes: Some(bytes).filter(|bytes| !bytes.is_empty()), dispatch: self.clone() }
    }
}

/// A body in one piece, which tells when it is taken.
#[derive(Debug)]
pub(crate) struct NotedBody {
    bytes: Option<Bytes>,
    dispatch: Dispatch,
}

impl http_body::Body for NotedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.dispatch.leaves();
        Poll::Ready(self.bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}
