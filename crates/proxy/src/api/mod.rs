//! The local API, the dashboard, the help pages, health and metrics: everything that is not a call.
//!
//! | file | answers |
//! |---|---|
//! | `status`, `quota`, `budgets`, `bypass`, `plans`, `usage`, `calls`, `record`, `balances`, `prices`, `alerts`, `suggestion`, `pulse` | `/api/v1/...` |
//! | `tools`, `logs`, `settings`, `service`, `files`, `machine` | those that the user's machine answers |
//! | `session` | login codes, bearers, and the proof that this server knows the token |
//! | `auth`, `guard` | who may ask |
//! | `dashboard`, `help`, `metrics` | `/`, `/help/...`, `/metrics` |
//! | `error`, `input` | how errors are said and requests read |

mod alerts;
mod auth;
mod balances;
mod budgets;
mod bypass;
mod calls;
mod dashboard;
mod error;
mod files;
mod guard;
mod help;
mod input;
mod logs;
mod machine;
mod metrics;
mod openapi;
mod plans;
mod prices;
mod pulse;
mod quota;
mod record;
mod service;
mod session;
mod settings;
mod status;
mod suggestion;
mod tools;
#[cfg(test)]
mod types;
mod usage;

use axum::routing::{MethodRouter, get, post, put};
use axum::{Extension, Json, Router, middleware};
use serde_json::{Value, json};

pub(crate) use self::machine::FromAfar;
pub use self::session::proof;

use self::auth::Caller;
use crate::App;

/// Everything but calls, for the port: the API wants the token.
pub fn router(app: App) -> Router {
    let of_the_machine = with_routes(of_the_machine())
        // Looked at after the token: nobody else learns what there is.
        .route_layer(middleware::from_fn(machine::near_only));
    let api = with_routes(needing_token())
        .merge(of_the_machine)
        .route_layer(middleware::from_fn_with_state(app.clone(), auth::require))
        .merge(with_routes(open()));
    let metrics = Router::new()
        .route("/metrics", get(metrics::show))
        .route_layer(middleware::from_fn_with_state(app.clone(), auth::require));
    Router::new()
        .nest("/api/v1", api)
        .merge(metrics)
        .route("/healthz", get(health))
        .route("/help/{code}", get(help::page))
        .merge(dashboard::routes())
        .fallback(error::no_such_route)
        .method_not_allowed_fallback(error::no_such_method)
        .layer(middleware::from_fn(guard::harden))
        .layer(middleware::from_fn_with_state(app.clone(), guard::turn_strangers_away))
        .with_state(app)
}

/// The API and the dashboard for the desktop window, whose requests do not come through a port and
/// are trusted.
pub fn desktop_router(app: App) -> Router {
    let api = with_routes(needing_token())
        .merge(with_routes(of_the_machine()))
        .route_layer(middleware::from_fn_with_state(app.clone(), auth::require));
    Router::new()
        .nest("/api/v1", api)
        .merge(dashboard::routes())
        .fallback(error::no_such_route)
        .method_not_allowed_fallback(error::no_such_method)
        .layer(Extension(Caller::Desktop))
        .layer(middleware::from_fn(guard::harden))
        .with_state(app)
}

/// Whether [`router`] answers this path; everything else is for the proxy.
#[must_use]
pub fn serves(path: &str) -> bool {
    let is_below = |folder: &str| {
        path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    is_below("/api")
        || is_below("/help")
        || path == "/healthz"
        || path == "/metrics"
        || dashboard::serves(path)
}

/// Paths below `/api/v1` with what answers them.
type Routes = Vec<(&'static str, MethodRouter<App>)>;

fn with_routes(routes: Routes) -> Router<App> {
    routes.into_iter().fold(Router::new(), |router, (path, answer)| router.route(path, answer))
}

fn needing_token() -> Routes {
    vec![
        ("/status", get(status::show)),
        ("/quota", get(quota::show)),
        ("/budgets", get(budgets::list)),
        ("/budgets/{name}", put(budgets::set).get(budgets::show).delete(budgets::remove)),
        ("/budgets/{name}/history", get(budgets::history)),
        ("/budgets/{name}/raises", post(budgets::raise).delete(budgets::lower)),
        ("/budgets/{name}/topups", post(budgets::top_up)),
        ("/budgets/{name}/pauses", post(budgets::pause).delete(budgets::resume)),
        ("/bypass", get(bypass::show).post(bypass::start).delete(bypass::end)),
        ("/plans", get(plans::list)),
        ("/plan", get(plans::show).put(plans::put_in_use)),
        ("/usage", get(usage::show)),
        ("/calls", get(calls::list).post(record::record)),
        ("/calls/count", get(calls::count)),
        ("/calls/{id}", get(calls::show)),
        ("/calls/{id}/explanation", get(calls::explain)),
        ("/rehearsals", post(budgets::rehearse)),
        ("/balances", get(balances::list)),
        ("/balances/{account}", put(balances::set)),
        ("/grants", get(balances::grants).post(balances::grant)),
        ("/prices", get(prices::list)),
        ("/prices/unpriced", get(prices::unpriced)),
        ("/prices/{provider}/{model}", put(prices::set).delete(prices::remove)),
        ("/alerts", get(alerts::list)),
        ("/alerts/acknowledgements", post(alerts::acknowledge)),
        ("/suggestion", get(suggestion::show)),
        ("/pulse", get(pulse::show)),
        ("/openapi.json", get(openapi::show)),
        ("/login-codes", post(session::issue_code)),
    ]
}

/// Those that want the token, and that only the user's own machine answers and asks.
fn of_the_machine() -> Routes {
    vec![
        ("/tools", get(tools::list)),
        ("/logs", get(logs::list)),
        ("/imports", get(logs::imports).post(logs::import)),
        ("/settings", get(settings::show).patch(settings::change)),
        ("/tools/{tool}/connection", post(tools::connect).delete(tools::disconnect)),
        ("/service", get(service::show).put(service::install).delete(service::uninstall)),
        ("/backups", post(files::back_up)),
        ("/exports", post(files::export)),
        ("/alerts/tests", post(alerts::test)),
    ]
}

fn open() -> Routes {
    vec![("/login", post(session::log_in)), ("/prove", post(session::prove))]
}

async fn health() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use chrono::DateTime;
    use outlay_core::ledger::{Ledger, Opening, Role};

    use super::*;
    use crate::{Changes, Parts, Settings};

    /// Those of a proxy without a configuration.
    pub(crate) fn settings() -> Settings {
        Settings::from_parts(Parts {
            listen: "127.0.0.1:4780".parse().unwrap(),
            allowed_hosts: Vec::new(),
            timezone: chrono_tz::UTC,
            providers: Vec::new(),
            refusal_status: "auto".into(),
            wait_max: std::time::Duration::ZERO,
            after_disconnect: std::time::Duration::ZERO,
            strict: false,
            loops: crate::LoopSetting::default(),
            token: "t".into(),
        })
        .unwrap()
    }

    /// An app on a ledger of its own, at noon.
    pub(crate) fn app(folder: &Path) -> App {
        let noon = DateTime::UNIX_EPOCH + chrono::TimeDelta::hours(12);
        let changes = Changes::new();
        let opening = Opening { role: Role::Use, now: noon, changed: changes.callback() };
        let ledger = Ledger::open(folder, opening).unwrap();
        App::new(settings(), ledger, Arc::new(move || noon), changes).unwrap()
    }

    #[test]
    fn paths_that_are_no_calls() {
        for (path, expected) in [
            ("/", true),
            ("/api/v1/status", true),
            ("/api/v2/whatever", true),
            ("/api", true),
            ("/apis", false),
            ("/healthz", true),
            ("/metrics", true),
            ("/help/budget_exceeded", true),
            ("/helpers", false),
            ("/assets/index-abc.js", true),
            ("/openai/v1/chat/completions", false),
            ("/v1/messages", false),
            ("/p/demo/v1/messages", false),
        ] {
            assert_eq!(serves(path), expected, "{path}");
        }
    }
}
