//! A request to a provider.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Uri};

use super::address::Address;
use crate::dispatch::{Dispatch, NotedBody};

/// What is sent.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) url: Address,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Outgoing {
    /// As a connection gets it, with these `headers` in place of its own.
    pub(super) fn request(
        &self,
        uri: Uri,
        headers: HeaderMap,
        dispatch: &Dispatch,
    ) -> Request<NotedBody> {
        let mut request = Request::new(dispatch.body(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        request
    }
}
