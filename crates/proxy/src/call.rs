//! READ FIRST: one call, from top to bottom.
//!
//! [`handle`] answers everything that is not for the API or the dashboard. Each step is a line
//! here and a file of its own.

use std::time::Instant;

use axum::body::Body;
use bytes::Bytes;
use http::header::UPGRADE;
use http::request::Parts;
use http::{HeaderMap, Request, Response};
use outlay_core::ledger::{Admission, LedgerError, NewCall};
use outlay_core::price::PriceQuery;
use outlay_core::refusal::Refusal;
use outlay_wire::Dialect;

use crate::app::{App, Stats};
use crate::asked::Asked;
use crate::caller::{self, Caller};
use crate::dispatch::Dispatch;
use crate::estimate;
use crate::forwarded::Call;
use crate::headers;
use crate::loops::{Passage, Watched};
use crate::models;
use crate::relay;
use crate::reply::{self, Failure};
use crate::route::{self, Route};
use crate::safety::Safety;
use crate::transfer;
use crate::upstream::{self, Outgoing};

/// Answers one request to a provider.
pub async fn handle<B>(app: App, request: Request<B>) -> Response<Body>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    answer(&app, &parts, path, body).await.unwrap_or_else(|failure| {
        reply::failed(&failure, Dialect::of_path(path).unwrap_or(Dialect::Other))
    })
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
    let mut leaving = Leaving { app, watched, is_over: false };
    let (model, bounds) = (call.model_requested.clone(), call.bounds);
    let admitted = Instant::now();
    let wait_max = app.settings().wait_max;
    let waits = || app.stats().waits();
    let admission = app.waiting().admission(app.ledger(), wait_max, call, waits).await;
    let (reservation, output_cap, standing) = match admission {
        Ok(Admission::Admitted { reservation, output_cap, standing }) => {
            (reservation, output_cap, standing)
        }
        // Whoever has waited long enough is refused.
        Ok(Admission::Wait(_)) => return Err(broken()),
        Ok(Admission::Refused(refusal)) => {
            leaving.is_over = true;
            app.loops().refused(&watched, app.now());
            return Ok(refused(app, parts, &route, &refusal));
        }
        Err(error) => return Err(unwritable(app, &error)),
    };
    let on_disk = Safety::asked(app);

    // 7. The few edits that it may get.
    let hides_usage = asked.edit(&route, query, output_cap, &mut outgoing)?;

    // 8. From here on a task of its own has it, whatever the client does.
    leaving.is_over = true;
    let terms = asked.terms(&route, model, &bounds, output_cap, &reservation);
    let (client, answer) = transfer::channel();
    let call = Call {
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
    // Boxed, for a task that is spawned is moved several times.
    app.running().spawn(Box::pin(async move {
        relay::run(call, on_disk, outgoing, client).await;
        drop(running);
    }));
    answer.response().await.ok_or_else(broken)
}

/// A call that was not sent yet: dropped, it was given up, for its client went away or something
/// failed.
struct Leaving<'a> {
    app: &'a App,
    watched: Watched,
    is_over: bool,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.app.loops().given_up(&self.watched);
            // What it held, or its place in a queue, is somebody else's now.
            self.app.waiting().wake();
        }
    }
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
    let nothing = Asked::default();
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
        has_tools: facts.is_some_and(|facts| facts.has_tools),
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
        tags: caller::tags_of(route.tags.as_deref(), caller.tags),
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
