//! READ FIRST: one call, from top to bottom.
//!
//! [`handle`] answers everything that is not for the API or the dashboard. Each step is a line
//! here and a file of its own.

use axum::body::Body;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, Request, Response};
use outlay_core::admission::Bounds;
use outlay_core::ledger::{Admission, LedgerError, NewCall};
use outlay_core::price::PriceQuery;
use outlay_core::refusal::Refusal;
use outlay_wire::decode::decode_whole;
use outlay_wire::{Dialect, RequestFacts};
use std::time::Instant;

use crate::app::{App, Stats};
use crate::bill::Terms;
use crate::caller::{self, Caller};
use crate::dispatch::Dispatch;
use crate::estimate;
use crate::headers;
use crate::loops::Passage;
use crate::models;
use crate::relay;
use crate::reply::{self, Failure};
use crate::route::{self, Route};
use crate::transfer;
use crate::unseen::Unseen;
use crate::upstream::{self, Outgoing};

/// The longest request after its compression is undone.
const DECODED_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Bodies longer than this are read on a thread where nobody waits for them.
const READ_HERE_BYTES_MAX: usize = 256 * 1024;

/// Answers one request to a provider.
pub async fn handle<B>(app: App, request: Request<B>) -> Response<Body>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let dialect = Dialect::of_path(path).unwrap_or(Dialect::Other);
    answer(&app, &parts, path, body)
        .await
        .unwrap_or_else(|failure| reply::failed(&failure, dialect))
}

async fn answer<B>(app: &App, parts: &Parts, path: &str, body: B) -> Result<Response<Body>, Failure>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    // 1. Where does it go?
    let route = find_route(app, parts, path)?;
    let url = upstream::address(&route.url, route.path_and_query())?;

    // 2. A WebSocket is refused, so that its client posts instead.
    if is_websocket(&parts.headers) {
        return Err(websocket());
    }

    // 3. Who is calling?
    let query = parts.uri.query();
    let fingerprint = |key: &str| app.ledger().fingerprint(key);
    let caller = caller::read(&parts.headers, query, route.family, fingerprint);

    // 4. What does it ask for?
    let body = transfer::read_request(body).await?;
    let mut outgoing = Outgoing {
        method: parts.method.clone(),
        url,
        headers: headers::for_upstream(&parts.headers, |secret| is_ours(app, secret)),
        body,
    };
    if route.is_free {
        return free(app, &route, caller, outgoing).await;
    }
    let asked = Asked::read(&route, &parts.headers, outgoing.body.clone()).await;

    // 5. Does it only repeat what was done before?
    let call = new_call(app, &route, caller, &parts.headers, &asked);
    let (path, body) = (route.path_and_query(), asked.plain.as_deref());
    let watched = match app.loops().asked(app.ledger(), &call, path, body).await {
        Ok(Passage::Free(watched)) => watched,
        Ok(Passage::Refused(refusal)) => return Ok(refused(app, parts, &route, &refusal)),
        Err(error) => return Err(unwritable(app, &error)),
    };

    // 6. What can it cost at the most, and may it?
    let (model, bounds) = (call.model_requested.clone(), call.bounds);
    let admitted = Instant::now();
    let wait_max = app.settings().wait_max;
    let waits = || app.stats().waits();
    let admission =
        app.waiting().admission(app.ledger(), || app.now(), wait_max, call, waits).await;
    let (reservation, output_cap, standing) = match admission {
        Ok(Admission::Admitted { reservation, output_cap, standing }) => {
            (reservation, output_cap, standing)
        }
        // Whoever has waited long enough is refused.
        Ok(Admission::Wait(_)) => return Err(broken()),
        Ok(Admission::Refused(refusal)) => {
            app.loops().refused(&watched, app.now());
            return Ok(refused(app, parts, &route, &refusal));
        }
        Err(error) => return Err(unwritable(app, &error)),
    };

    // 7. The few edits that it may get.
    let hides_usage = asked.edit(&route, query, output_cap, &mut outgoing)?;

    // 8. From here on a task of its own has it, whatever the client does.
    let terms = Terms {
        provider: route.provider.clone(),
        model: model.unwrap_or_default(),
        dialect: route.dialect,
        at: reservation.at(),
        prompt_bytes: asked.facts.as_ref().map_or(asked.bytes, |facts| facts.prompt_bytes),
        streams: asked.facts.as_ref().is_some_and(|facts| facts.stream),
        is_hidden: asked.facts.as_ref().is_some_and(|facts| facts.background || facts.media_output),
        unseen: asked.unseen(&bounds, output_cap),
        ceiling: reservation.ceiling(),
    };
    let (client, answer) = transfer::channel();
    let call = relay::Call {
        app: app.clone(),
        terms,
        reservation,
        standing,
        authority: route.authority().to_owned(),
        hides_usage,
        refusal_status: refusal_status(app, parts),
        admitted,
        watched,
    };
    let running = Stats::call_begins(app);
    app.running().spawn(async move {
        relay::run(call, outgoing, client).await;
        drop(running);
    });
    answer.response().await.ok_or_else(broken)
}

/// The answer to a call that a limit stops, which is in the ledger.
fn refused(app: &App, parts: &Parts, route: &Route, refusal: &Refusal) -> Response<Body> {
    app.stats().refused();
    reply::refused(refusal, route.dialect, refusal_status(app, parts), &app.base_url())
}

fn refusal_status(app: &App, parts: &Parts) -> u16 {
    let user_agent = headers::text(&parts.headers, &http::header::USER_AGENT);
    outlay_wire::refusal_status(app.settings().refusal_status, user_agent.as_deref())
}

fn find_route(app: &App, parts: &Parts, path: &str) -> Result<Route, Failure> {
    let is_chatgpt = caller::is_chatgpt(&parts.headers);
    let upstreams = &app.settings().upstreams;
    route::find(upstreams, parts.method.as_str(), path, is_chatgpt).map_err(|error| Failure {
        status: error.status(),
        code: error.code(),
        message: error.to_string(),
    })
}

/// Requests that cost nothing pass, are no calls, and tell how the budgets stand.
async fn free(
    app: &App,
    route: &Route,
    caller: Caller,
    outgoing: Outgoing,
) -> Result<Response<Body>, Failure> {
    let dispatch = Dispatch::default();
    let nothing = Asked { model: None, facts: None, plain: None, bytes: 0, is_editable: false };
    let call = new_call(app, route, caller, &HeaderMap::new(), &nothing);
    let sent = app.upstream().send(outgoing, &dispatch);
    let (sent, standing) = tokio::join!(sent, app.ledger().standing(call).into_future());
    // What is free passes also where the ledger cannot be asked.
    let standing = standing.ok().flatten();
    let mut response = match sent {
        Ok(answer) => {
            let (parts, body) = answer.into_parts();
            let mut response = Response::new(Body::new(body));
            *response.status_mut() = parts.status;
            *response.headers_mut() = headers::for_client(&parts.headers);
            response
        }
        Err(error) => {
            app.stats().upstream_failed();
            reply::failed(&error.failure(&route.provider, route.authority()), route.dialect)
        }
    };
    headers::add_quota(response.headers_mut(), standing.as_ref());
    Ok(response)
}

/// What a request asks for.
#[derive(Debug)]
struct Asked {
    /// The model, by the name that prices know; `None` where nobody can tell what is billed.
    model: Option<String>,
    /// `None` where the body cannot be read.
    facts: Option<RequestFacts>,
    /// The body, decoded; `None` where it cannot be.
    plain: Option<Bytes>,
    /// Its length, decoded where it can be.
    bytes: u64,
    /// Whether it may be changed.
    is_editable: bool,
}

impl Asked {
    async fn read(route: &Route, headers: &HeaderMap, body: Bytes) -> Asked {
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

    fn unseen(&self, bounds: &Bounds, output_cap: Option<u64>) -> Unseen {
        let model = self.model.as_deref().unwrap_or_default();
        Unseen::of(model, self.facts.as_ref(), self.plain.as_deref(), bounds, output_cap)
    }

    /// Sets the output cap and asks for a stream's usage, each where it is due. Returns whether
    /// the usage is to be hidden from the client.
    fn edit(
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

fn new_call(
    app: &App,
    route: &Route,
    caller: Caller,
    headers: &HeaderMap,
    asked: &Asked,
) -> NewCall {
    let at = app.now();
    let facts = asked.facts.as_ref();
    let body = estimate::Body {
        bytes: asked.bytes,
        facts,
        is_editable: asked.is_editable && !caller::is_signed(headers),
        has_tools: asked.plain.as_deref().is_some_and(has_tools),
    };
    let service_tier = facts.and_then(|facts| facts.service_tier.clone());
    let prices = app.ledger().prices();
    let models = facts.map(|facts| models::billable(route, facts)).unwrap_or_default();
    let models: Vec<&str> = models.iter().map(String::as_str).collect();
    let price = |model: &str| {
        let (provider, service_tier) = (route.provider.as_str(), service_tier.as_deref());
        prices.find(&PriceQuery { provider, model, at, service_tier })
    };
    let bounded = |body| {
        let limits = || models::limits(&prices, &route.provider, &models);
        let bounds = estimate::bounds(route.dialect, body, limits);
        (models::dearest(&models, &bounds, price), bounds)
    };
    let (mut dearest, mut bounds) = bounded(body);
    if dearest.is_some_and(|dearest| !dearest.at_any_length) {
        (dearest, bounds) = bounded(estimate::Body { is_editable: false, ..body });
    }
    NewCall {
        id: new_id(at),
        at,
        source: "proxy".to_owned(),
        provider: route.provider.clone(),
        bounds,
        model_requested: dearest.and_then(|dearest| caller::label(dearest.model)),
        project: route.project.clone().or(caller.project),
        session: caller
            .session
            .or_else(|| caller::label(facts.and_then(|facts| facts.session.as_deref())?)),
        client: caller.client,
        key: caller.key,
        tags: caller.tags,
        run: route.run.clone(),
        plan_login: caller.login.is_plan(),
        service_tier,
        is_strict: app.settings().strict,
    }
}

fn new_id(at: chrono::DateTime<chrono::Utc>) -> uuid::Uuid {
    let seconds = u64::try_from(at.timestamp()).unwrap_or(0);
    let timestamp =
        uuid::Timestamp::from_unix(uuid::NoContext, seconds, at.timestamp_subsec_nanos());
    uuid::Uuid::new_v7(timestamp)
}

fn has_tools(body: &[u8]) -> bool {
    [&b"\"tools\""[..], b"\"functions\""]
        .iter()
        .any(|key| memchr::memmem::find(body, key).is_some())
}

fn is_websocket(headers: &HeaderMap) -> bool {
    let upgrade = headers.get(UPGRADE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    upgrade.split(',').any(|protocol| protocol.trim().eq_ignore_ascii_case("websocket"))
}

/// Our own credentials, sent to a provider by mistake.
fn is_ours(app: &App, secret: &str) -> bool {
    use subtle::ConstantTimeEq;
    let token = app.settings().token.as_bytes();
    !token.is_empty() && bool::from(token.ct_eq(secret.as_bytes()))
}

fn websocket() -> Failure {
    Failure {
        status: 426,
        code: "upgrade_refused",
        message: "Outlay: WebSockets are not passed on: send the same request by POST".to_owned(),
    }
}

fn uncappable() -> Failure {
    Failure {
        status: 400,
        code: "uncappable",
        message: "Outlay: so near to a limit this request needs an output cap, and the one it has is no number: write it as one".to_owned(),
    }
}

fn unwritable(app: &App, error: &LedgerError) -> Failure {
    app.stats().ledger_failed();
    tracing::error!(%error, "a call was not sent");
    Failure {
        status: 503,
        code: "ledger_unavailable",
        message: format!(
            "Outlay: the call was not sent, because it could not be recorded: {error}"
        ),
    }
}

fn broken() -> Failure {
    Failure {
        status: 500,
        code: "internal",
        message: "Outlay: the call broke off by an error of its own; it is counted at its most"
            .to_owned(),
    }
}
