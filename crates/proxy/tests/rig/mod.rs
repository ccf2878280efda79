//! A running proxy on a ledger of its own, and a provider that does as it is told.
#![allow(clippy::unwrap_used, dead_code, reason = "tests")]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use outlay_core::budget::Window;
use outlay_core::ledger::{BudgetChange, Ledger, Opening, Role};
use outlay_core::money::Rate;
use outlay_core::price::UserPrice;
use outlay_core::report::{self, CallQuery, CallView};
use outlay_proxy::{App, Changes, Clock, Parts, ProviderPart, Server, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

/// The model whose input is free and whose output costs $10 per million.
pub(crate) const MODEL: &str = "story-model";
/// The same, of a name by which it may reason out of sight.
pub(crate) const THINKER: &str = "o9-story";
pub(crate) const CHAT: &str = "/openai/v1/chat/completions";
pub(crate) const DAY: &str = "day";

/// One thing that the provider does.
#[derive(Clone)]
pub(crate) enum Act {
    Send(Vec<u8>),
    /// Goes on when the test says so.
    Await(Arc<Notify>),
    /// Says so when the proxy hangs up.
    AwaitHangUp(Arc<Notify>),
    Close,
}

/// A request as the provider got it.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Got {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

#[derive(Clone, Default)]
pub(crate) struct Provider {
    answers: Arc<Mutex<VecDeque<Vec<Act>>>>,
    got: Arc<Mutex<Vec<Got>>>,
    came: Arc<Notify>,
}

pub(crate) struct Rig {
    pub(crate) address: SocketAddr,
    pub(crate) provider: Provider,
    pub(crate) provider_address: SocketAddr,
    pub(crate) ledger: Ledger,
    pub(crate) client: reqwest::Client,
    app: App,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<()>,
    folder: tempfile::TempDir,
}

impl Rig {
    pub(crate) async fn start() -> Rig {
        Rig::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Parts)) -> Rig {
        Rig::at(Arc::new(Utc::now), change).await
    }

    /// One that goes by this clock.
    pub(crate) async fn at(clock: Clock, change: impl FnOnce(&mut Parts)) -> Rig {
        let provider = Provider::default();
        let provider_address = provider.clone().listen().await;
        let base_url = Some(format!("http://{provider_address}"));
        let part = |name: &str| ProviderPart {
            name: name.to_owned(),
            base_url: base_url.clone(),
            ..ProviderPart::default()
        };
        let mut parts = Parts {
            listen: "127.0.0.1:0".parse().unwrap(),
            allowed_hosts: Vec::new(),
            timezone: chrono_tz::Europe::Berlin,
            providers: ["openai", "anthropic", "gemini", "mistral"].map(part).into(),
            refusal_status: "auto".to_owned(),
            wait_max: Duration::from_secs(30),
            after_disconnect: Duration::ZERO,
            strict: false,
            loops: outlay_proxy::LoopSetting::default(),
            token: "the-local-token".to_owned(),
        };
        change(&mut parts);
        let folder = tempfile::tempdir().unwrap();
        let changes = Changes::new();
        let opening = Opening { role: Role::Forward, now: Utc::now(), changed: changes.callback() };
        let ledger = Ledger::open(folder.path(), opening).unwrap();
        let settings = Settings::from_parts(parts).unwrap();
        let app = App::new(settings, ledger.clone(), clock, changes).unwrap();
        let server = Server::bind(app.clone()).await.unwrap();
        let address = server.address();
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(server.run(async move { drop(stopped.await) }));
        let rate = |usd: &str| Rate::usd_per(usd, 1_000_000).unwrap();
        let price = UserPrice {
            provider: Some("openai".to_owned()),
            model: MODEL.to_owned(),
            input: rate("0"),
            output: rate("10"),
            cache_read: None,
            cache_write: None,
            set_at: DateTime::UNIX_EPOCH,
        };
        let thinker = UserPrice { model: THINKER.to_owned(), ..price.clone() };
        for price in [price, thinker] {
            ledger.set_price(price, Utc::now()).await.unwrap();
        }
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let stop = Some(stop);
        Rig { address, provider, provider_address, ledger, client, app, stop, running, folder }
    }

    pub(crate) async fn hard_day(&self, limit: &str) {
        let change = BudgetChange {
            name: DAY.to_owned(),
            limit: Some(limit.to_owned()),
            window: Some(Window::Day { reset_at: chrono::NaiveTime::MIN }),
            ..BudgetChange::default()
        };
        self.ledger.set_budget(change, "cli", Utc::now(), chrono_tz::Europe::Berlin).await.unwrap();
    }

    /// The same ledger, as another process has it open.
    pub(crate) fn other_process(&self) -> Ledger {
        let opening =
            Opening { role: Role::Forward, now: Utc::now(), changed: Changes::new().callback() };
        Ledger::open(self.folder.path(), opening).unwrap()
    }

    /// Another process that seems to have died: nobody holds its lock any more.
    pub(crate) fn dead_process(&self) -> Ledger {
        let locks = || -> Vec<_> {
            let entries = std::fs::read_dir(self.folder.path().join("processes")).unwrap();
            let paths = entries.map(|entry| entry.unwrap().path());
            paths.filter(|path| path.extension().is_some_and(|ending| ending == "lock")).collect()
        };
        let before = locks();
        let ledger = self.other_process();
        let mut its = locks().into_iter().filter(|path| !before.contains(path));
        std::fs::remove_file(its.next().unwrap()).unwrap();
        ledger
    }

    pub(crate) fn post(
        &self,
        path: &str,
        body: impl Into<reqwest::Body>,
    ) -> reqwest::RequestBuilder {
        self.client.post(format!("http://{}{path}", self.address)).body(body)
    }

    pub(crate) fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.get(format!("http://{}{path}", self.address))
    }

    /// All calls, oldest first, once none is running.
    pub(crate) async fn calls(&self) -> Vec<CallView> {
        loop {
            let mut rows = report::calls(&self.ledger, &CallQuery::default(), 100).unwrap().rows;
            if rows.iter().all(|row| row.status != "running") {
                rows.reverse();
                return rows;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Stops the proxy and waits for its end.
    pub(crate) async fn stop(&mut self) {
        drop(self.stop.take());
        (&mut self.running).await.unwrap();
    }
}

impl Provider {
    /// The next answers, in order; the last one is repeated.
    pub(crate) fn will(&self, answers: impl IntoIterator<Item = Vec<Act>>) {
        *self.answers.lock().unwrap() = answers.into_iter().collect();
    }

    pub(crate) fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    /// Waits until so many requests have come.
    pub(crate) async fn has(&self, requests: usize) {
        while self.got().len() < requests {
            self.came.notified().await;
        }
    }

    async fn listen(self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(self.clone().serve(stream));
            }
        });
        address
    }

    async fn serve(self, mut stream: TcpStream) {
        while let Some(got) = read_request(&mut stream).await {
            self.got.lock().unwrap().push(got);
            self.came.notify_one();
            let acts = {
                let mut answers = self.answers.lock().unwrap();
                if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() }
            };
            for act in acts.unwrap_or_else(|| vec![chat_answer(200)]) {
                match act {
                    Act::Send(bytes) => stream.write_all(&bytes).await.unwrap(),
                    Act::Await(notify) => notify.notified().await,
                    Act::AwaitHangUp(notify) => {
                        let mut rest = [0; 64];
                        while !matches!(stream.read(&mut rest).await, Ok(0) | Err(_)) {}
                        notify.notify_one();
                        return;
                    }
                    Act::Close => return,
                }
            }
        }
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<Got> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut body = bytes.split_off(end + 4);
    while body.len() < length {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    Some(Got { head, body })
}

/// A whole answer with this status, type and body.
pub(crate) fn document(status: u16, content_type: &str, body: &str) -> Act {
    let length = body.len();
    Act::Send(
        format!(
            "HTTP/1.1 {status} X\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\
             x-request-id: r1\r\n\r\n{body}"
        )
        .into_bytes(),
    )
}

/// A whole chat answer of so many tokens.
pub(crate) fn chat_answer(output_tokens: u64) -> Act {
    let body = serde_json::json!({"id": "c1", "object": "chat.completion", "model": MODEL,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"},
            "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": output_tokens,
            "total_tokens": 10 + output_tokens}});
    document(200, "application/json", &body.to_string())
}

/// The head of an event stream.
pub(crate) fn stream_head() -> Act {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                transfer-encoding: chunked\r\n\r\n";
    Act::Send(head.into())
}

/// One event of a stream.
pub(crate) fn event(data: &str) -> Act {
    let event = format!("data: {data}\n\n");
    Act::Send(format!("{:x}\r\n{event}\r\n", event.len()).into_bytes())
}

pub(crate) fn stream_end() -> Act {
    Act::Send(b"0\r\n\r\n".to_vec())
}

pub(crate) fn delta(text: &str) -> String {
    serde_json::json!({"id": "c1", "model": MODEL,
        "choices": [{"index": 0, "delta": {"content": text}}]})
    .to_string()
}

pub(crate) fn usage_chunk(output_tokens: u64) -> String {
    serde_json::json!({"id": "c1", "model": MODEL, "choices": [],
        "usage": {"prompt_tokens": 10, "completion_tokens": output_tokens,
            "total_tokens": 10 + output_tokens}})
    .to_string()
}

/// A chat request with these further fields.
pub(crate) fn chat(fields: &serde_json::Value) -> String {
    let mut body = serde_json::json!({"model": MODEL,
        "messages": [{"role": "user", "content": "Hello"}]});
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body.to_string()
}
