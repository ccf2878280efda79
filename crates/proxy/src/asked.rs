//! What a request asks for, and the few edits that it may get.

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use outlay_core::admission::Bounds;
use outlay_core::ledger::Reservation;
use outlay_wire::decode::decode_whole;
use outlay_wire::{Dialect, RequestFacts};

use crate::bill::Terms;
use crate::reply::Failure;
use crate::route::{self, Route};
use crate::unseen::Unseen;
use crate::upstream::Outgoing;
use crate::{caller, headers, models};

/// The longest request after its compression is undone.
const DECODED_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Bodies longer than this are read on a thread where nobody waits for them.
const READ_HERE_BYTES_MAX: usize = 256 * 1024;

/// What a request asks for.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// The model, by the name that prices know; `None` where nobody can tell what is billed.
    pub(crate) model: Option<String>,
    /// `None` where the body cannot be read.
    pub(crate) facts: Option<RequestFacts>,
    /// The body, decoded; `None` where it cannot be.
    pub(crate) plain: Option<Bytes>,
    /// Its length, decoded where it can be.
    pub(crate) bytes: u64,
    /// Whether it may be changed.
    pub(crate) is_editable: bool,
}

impl Asked {
    pub(crate) async fn read(route: &Route, headers: &HeaderMap, body: Bytes) -> Asked {
        let encoding = headers::text(headers, &CONTENT_ENCODING);
        let (dialect, path) = (route.dialect, route.path_and_query().to_owned());
        let is_long = body.len() > READ_HERE_BYTES_MAX;
        let bytes = body.len() as u64;
        let read = move || {
            let plain = match encoding {
                Some(encoding) => {
                    decode_whole(Some(&encoding), &body, DECODED_BYTES_MAX).ok().map(Bytes::from)
                }
                None => Some(body),
            };
            let facts = plain
                .as_deref()
                .and_then(|plain| outlay_wire::read_request(dialect, &path, plain).ok());
            (plain, facts)
        };
        let (plain, facts) = match is_long {
            true => tokio::task::spawn_blocking(read).await.unwrap_or_default(),
            false => read(),
        };
        Asked {
            model: facts
                .as_ref()
                .and_then(|facts| models::billable(route, facts).into_iter().next()),
            bytes: plain.as_ref().map_or(bytes, |plain| plain.len() as u64),
            is_editable: facts.is_some() && !caller::is_signed(headers),
            facts,
            plain,
        }
    }

    /// What settling the call needs to know of it.
    pub(crate) fn terms(
        &self,
        route: &Route,
        model: Option<String>,
        bounds: &Bounds,
        output_cap: Option<u64>,
        reservation: &Reservation,
    ) -> Terms {
        let facts = self.facts.as_ref();
        Terms {
            provider: route.provider.clone(),
            model: model.unwrap_or_default(),
            dialect: route.dialect,
            at: reservation.at(),
            prompt_bytes: facts.map_or(self.bytes, |facts| facts.prompt_bytes),
            streams: facts.is_some_and(|facts| facts.stream),
            is_hidden: facts.is_some_and(|facts| facts.background || facts.media_output),
            unseen: self.unseen(bounds, output_cap),
            ceiling: reservation.ceiling(),
        }
    }

    fn unseen(&self, bounds: &Bounds, output_cap: Option<u64>) -> Unseen {
        let model = self.model.as_deref().unwrap_or_default();
        Unseen::of(model, self.facts.as_ref(), self.plain.as_deref(), bounds, output_cap)
    }

    /// Sets the output cap and asks for a stream's usage, each where it is due. Returns whether
    /// the usage is to be hidden from the client.
    pub(crate) fn edit(
        &self,
        route: &Route,
        query: Option<&str>,
        output_cap: Option<u64>,
        outgoing: &mut Outgoing,
    ) -> Result<bool, Failure> {
        let Some(plain) = &self.plain else { return Ok(false) };
        let mut edited = None;
        if let Some(cap) = output_cap {
            let capped = outlay_wire::with_output_cap(route.dialect, plain, cap);
            edited = Some(capped.ok_or_else(uncappable)?);
        }
        let asks_usage = self.is_editable
            && self.facts.as_ref().is_some_and(|facts| facts.stream)
            && route.dialect == Dialect::OpenAiChat
            && route::tells_usage_when_asked(route, query);
        let mut hides_usage = false;
        if asks_usage
            && let Some(asking) =
                outlay_wire::with_include_usage(edited.as_deref().unwrap_or(plain))
        {
            edited = Some(asking);
            hides_usage = true;
        }
        if let Some(edited) = edited {
            outgoing.headers.remove(CONTENT_ENCODING);
            outgoing.body = edited.into();
        }
        Ok(hides_usage)
    }
}

fn uncappable() -> Failure {
    Failure {
        status: 400,
        code: "uncappable",
        message: "Outlay: so near to a limit this request needs an output cap, and the one it has is no number: write it as one".to_owned(),
    }
}
