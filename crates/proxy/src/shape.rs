//! What a client sees of an answer, where that is not just what the provider sent.

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use outlay_wire::decode::{DecodeError, Decoder};
use outlay_wire::{Gated, RefusalFacts, StreamGate, UsageChunkFilter};

use crate::headers;

/// Takes an answer's bytes and gives those that the client gets: without the usage chunk that we
/// asked for, and event by event where the stream may have to be ended. What is compressed is
/// unpacked for it.
pub(crate) struct Shape {
    decoder: Decoder,
    chunks: Option<UsageChunkFilter>,
    gate: Option<StreamGate>,
}

/// What the client gets now.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    pub(crate) bytes: Vec<u8>,
    /// See [`Gated::is_cap_hit`].
    pub(crate) is_cap_hit: bool,
}

impl Shape {
    /// For an answer with this head, which loses what no longer holds of the body. `None` where
    /// everything passes as it comes.
    pub(crate) fn of(
        hides_usage: bool,
        gate: Option<StreamGate>,
        head: &mut HeaderMap,
    ) -> Option<Shape> {
        let hides_usage = hides_usage && headers::media_type(head) == "text/event-stream";
        if !hides_usage && gate.is_none() {
            return None;
        }
        let encoding = head.remove(CONTENT_ENCODING);
        let encoding = encoding.as_ref().and_then(|encoding| encoding.to_str().ok());
        head.remove(CONTENT_LENGTH);
        let chunks = hides_usage.then(UsageChunkFilter::new);
        Some(Shape { decoder: Decoder::new(encoding), chunks, gate })
    }

    /// Takes the next bytes of the provider's.
    ///
    /// # Errors
    /// When they are not encoded as their head says.
    pub(crate) fn feed(&mut self, piece: &[u8]) -> Result<Shown, DecodeError> {
        let Shape { decoder, chunks, gate } = self;
        let mut shown = Shown::default();
        decoder.feed(piece, |bytes| match chunks {
            Some(chunks) => shown.pass(gate.as_mut(), &chunks.feed(bytes)),
            None => shown.pass(gate.as_mut(), bytes),
        })?;
        Ok(shown)
    }

    /// What is left when the provider has come to the end.
    pub(crate) fn finish(&mut self) -> Shown {
        let mut shown = Shown::default();
        if let Some(chunks) = self.chunks.take() {
            shown.pass(self.gate.as_mut(), &chunks.finish());
        }
        if let Some(gate) = &mut self.gate {
            shown.add(&gate.finish());
        }
        shown
    }

    /// Whether the client has the whole answer.
    pub(crate) fn is_ended(&self) -> bool {
        self.gate.as_ref().is_some_and(StreamGate::is_ended)
    }

    /// What ends the stream here; empty where it has no form for that.
    pub(crate) fn end(&mut self, facts: &RefusalFacts) -> Vec<u8> {
        self.gate.as_mut().map(|gate| gate.end(facts, &facts.message)).unwrap_or_default()
    }
}

impl Shown {
    fn pass(&mut self, gate: Option<&mut StreamGate>, bytes: &[u8]) {
        match gate {
            Some(gate) => self.add(&gate.feed(bytes)),
            None => self.bytes.extend_from_slice(bytes),
        }
    }

    fn add(&mut self, gated: &Gated<'_>) {
        self.bytes.extend_from_slice(&gated.pass);
        self.is_cap_hit |= gated.is_cap_hit;
    }
}
