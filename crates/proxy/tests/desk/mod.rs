//! A router on a ledger of its own, at an injected time, and requests to it.
#![allow(dead_code, clippy::unwrap_used, reason = "tests, each of which uses a part")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use chrono::{DateTime, TimeDelta, Utc};
use http::{HeaderMap, Method, Request};
use http_body_util::BodyExt;
use outlay_core::admission::Bounds;
use outlay_core::cost::{self, Metered};
use outlay_core::ledger::{Admission, BudgetChange, Ledger, NewCall, Opening, Role, Settlement};
use outlay_core::money::Rate;
use outlay_core::price::UserPrice;
use outlay_core::usage::Usage;
use outlay_proxy::machine::Machine;
use outlay_proxy::{App, Changes, Parts, Settings, api};
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;
use uuid::{NoContext, Timestamp, Uuid};

pub(crate) const TOKEN: &str = "the-token";

/// An open ledger with its API, at noon of 2026-11-21 (UTC) for someone in Berlin.
pub(crate) struct Desk {
    app: App,
    router: Router,
    now: Arc<Mutex<DateTime<Utc>>>,
    _folder: TempDir,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
    headers: HeaderMap,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

impl Desk {
    pub(crate) fn open() -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let now: Arc<Mutex<DateTime<Utc>>> =
            Arc::new(Mutex::new("2026-11-21T12:00:00Z".parse().unwrap()));
        let changes = Changes::new();
        let opening =
            Opening { role: Role::Forward, now: *now.lock().unwrap(), changed: changes.callback() };
        let ledger = Ledger::open(folder.path(), opening).unwrap();
        let settings = Settings::from_parts(Parts {
            listen: "127.0.0.1:4780".parse().unwrap(),
            allowed_hosts: Vec::new(),
            timezone: chrono_tz::Europe::Berlin,
            providers: Vec::new(),
            refusal_status: "auto".into(),
            wait_max: Duration::ZERO,
            after_disconnect: Duration::ZERO,
            strict: false,
            loops: outlay_proxy::LoopSetting::default(),
            token: TOKEN.into(),
        })
        .unwrap();
        let clock = Arc::clone(&now);
        let clock = Arc::new(move || *clock.lock().unwrap());
        let app = App::new(settings, ledger, clock, changes).unwrap();
        Desk { router: api::router(app.clone()), app, now, _folder: folder }
    }

    /// With a machine that its API asks.
    pub(crate) fn with_machine(self, machine: Arc<dyn Machine>) -> Desk {
        self.app.give_machine(machine);
        self
    }

    /// Two settled calls of gpt-4o, a refused one, two budgets, a balance and a price.
    pub(crate) async fn with_a_day(self) -> Desk {
        let ledger = self.app.ledger();
        let now = self.now();
        let berlin = chrono_tz::Europe::Berlin;
        let budgets = [
            ("day", "0.005", "day", None),
            ("tokens", "1000000", "total", Some(outlay_core::budget::BudgetUnit::Tokens)),
        ];
        for (name, limit, window, unit) in budgets {
            let change = BudgetChange {
                name: name.into(),
                limit: Some(limit.into()),
                window: Some(outlay_core::budget::Window::parse(window).unwrap()),
                unit,
                ..BudgetChange::default()
            };
            ledger.set_budget(change, "cli", now, berlin).await.unwrap();
        }
        let credit = "12.40".parse().unwrap();
        ledger.add_grant("openai".into(), credit, None, None, now).await.unwrap();
        let rate = |usd| Rate::usd_per(usd, 1_000_000).unwrap();
        let price = UserPrice {
            provider: Some("openai".into()),
            model: "house-model".into(),
            input: rate("0"),
            output: rate("10"),
            cache_read: Some(rate("0.125")),
            cache_write: None,
            set_at: now,
        };
        ledger.set_price(price, now).await.unwrap();
        assert!(self.call(Some("demo"), 200).await);
        self.pass(TimeDelta::minutes(1));
        assert!(self.call(None, 150).await);
        self.pass(TimeDelta::minutes(1));
        assert!(!self.call(None, 200).await);
        self
    }

    /// A call of gpt-4o that generates `output_tokens`; `false` if it was refused.
    async fn call(&self, project: Option<&str>, output_tokens: u64) -> bool {
        let at = self.now();
        let seconds = u64::try_from(at.timestamp()).unwrap();
        let call = NewCall {
            id: Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, 0)),
            at,
            source: "proxy".into(),
            provider: "openai".into(),
            model_requested: Some("gpt-4o".into()),
            project: project.map(str::to_owned),
            session: None,
            client: Some("openai-python".into()),
            key: Some(self.app.ledger().fingerprint("sk-test")),
            tags: String::new(),
            run: None,
            is_strict: false,
            plan_login: false,
            service_tier: None,
            bounds: Bounds {
                input_tokens_max: 200,
                input_tokens_usual: 200 / 2,
                output_tokens_max: Some(output_tokens),
                output_tokens_default: 16_384,
                default_is_proven: true,
                output_tokens_floor: 16,
                can_cap: true,
                can_stop: false,
                is_bounded: true,
            },
        };
        let Admission::Admitted { reservation, .. } =
            self.app.ledger().reserve(call).await.unwrap()
        else {
            return false;
        };
        let usage = Usage { input_tokens: 200, output_tokens, ..Usage::default() };
        let metered = Metered {
            usage: Some(usage),
            model: Some("gpt-4o-2024-08-06".into()),
            ..Metered::default()
        };
        let prices = self.app.ledger().prices();
        let settlement = Settlement {
            bill: Some(cost::bill(&prices, "openai", "gpt-4o", &metered, at)),
            model: metered.model,
            response_id: Some(format!("chatcmpl-{output_tokens}")),
            turn_prompt_tokens: None,
            output_shown_tokens: None,
            http_status: Some(200),
            error_kind: None,
            duration: Some(TimeDelta::milliseconds(900)),
            first_byte: Some(TimeDelta::milliseconds(300)),
            at,
            ended: false,
        };
        reservation.settle(settlement).await.unwrap();
        true
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        *self.now.lock().unwrap()
    }

    pub(crate) fn pass(&self, time: TimeDelta) {
        *self.now.lock().unwrap() += time;
    }

    /// A GET below `/api/v1` with the token.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    /// A request below `/api/v1` with the token.
    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let headers = [("authorization", format!("Bearer {TOKEN}"))];
        self.ask(method, &format!("/api/v1{path}"), &headers, body).await
    }

    /// A request as it would come through the port.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, String)],
        body: Option<&Value>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if headers.iter().all(|(name, _)| *name != "host") {
            request = request.header("host", "127.0.0.1:4780");
        }
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        answer(self.router.clone(), request.body(text(body)).unwrap()).await
    }

    /// A request as the desktop window makes it.
    pub(crate) async fn ask_as_window(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Answer {
        let request = Request::builder().method(method).uri(path).body(text(body)).unwrap();
        answer(api::desktop_router(self.app.clone()), request).await
    }

    /// A fresh bearer, by way of a login code.
    pub(crate) async fn log_in(&self) -> String {
        let code = self.send(Method::POST, "/login-codes", None).await.json();
        let body = serde_json::json!({"code": code["code"]});
        let bearer = self.ask(Method::POST, "/api/v1/login", &[], Some(&body)).await.json();
        bearer["token"].as_str().unwrap().to_owned()
    }
}

fn text(body: Option<&Value>) -> Body {
    body.map_or_else(Body::empty, |body| Body::from(body.to_string()))
}

async fn answer(router: Router, request: Request<Body>) -> Answer {
    let (head, body) = router.oneshot(request).await.unwrap().into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    Answer {
        status: head.status.as_u16(),
        text: String::from_utf8(bytes.to_vec()).unwrap(),
        headers: head.headers,
    }
}
