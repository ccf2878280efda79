//! A hundred calls at once against a limit of ten: never passed, used up, and in nobody's way.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Mutex;
use std::time::Duration;

use rust_decimal::Decimal;
use serde_json::{Value, json};
use support::client::{Answer, Request};
use support::fake_provider::FakeProvider;
use support::outlay::{Home, Server};
use support::script::{SCRIPT_HEADER, Script};
use support::story::{CHAT, MODEL, usd};

/// Tokens of each answer.
const OUTPUT: u64 = 500;
/// A call may have to wait for nine others of three seconds each, one after the other.
const PATIENCE: Duration = Duration::from_secs(120);
/// How many of the trials run at the same time.
const AT_ONCE: usize = 6;

/// One way to send a hundred calls of $0.002 against $0.02.
#[derive(Clone, Copy, Debug)]
struct Trial {
    answer: Shape,
    has_cap: bool,
    proxies: usize,
    /// Else only what is generated is.
    is_input_priced: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// Whole, after so many milliseconds.
    Document(u64),
    /// In 20 pieces, 100 ms apart.
    Stream,
}

impl Trial {
    /// All of them, those that take long first.
    fn all() -> Vec<Trial> {
        let mut trials = Vec::new();
        for answer in [Shape::Document(3_000), Shape::Stream, Shape::Document(200)] {
            for has_cap in [false, true] {
                for proxies in [1, 2] {
                    for is_input_priced in [false, true] {
                        trials.push(Trial { answer, has_cap, proxies, is_input_priced });
                    }
                }
            }
        }
        trials
    }

    fn script(self) -> Script {
        let said = Script {
            input_tokens: if self.is_input_priced { 1_000 } else { 10 },
            output_tokens: OUTPUT,
            ..Script::default()
        };
        match self.answer {
            Shape::Document(delay_ms) => Script { delay_ms, ..said },
            // 2,000 bytes: four to a token, as English has.
            Shape::Stream => {
                Script { text: "word ".repeat(20), chunks: 20, chunk_every_ms: 100, ..said }
            }
        }
    }

    fn request(self) -> Request {
        let prompt = "word ".repeat(if self.is_input_priced { 780 } else { 1 });
        let mut body = json!({
            "model": MODEL,
            "stream": self.answer == Shape::Stream,
            "messages": [{"role": "user", "content": prompt}],
        });
        if self.has_cap {
            body["max_tokens"] = json!(OUTPUT);
        }
        Request::post(CHAT, &body).patient(PATIENCE)
    }

    /// Lives through it; what went wrong.
    fn outcome(self) -> Result<(), String> {
        let provider = FakeProvider::start();
        provider.set_default(self.script());
        let home = Home::new(&provider);
        home.write_config("[admission]\nwait_max = \"100s\"\n");
        let (input, output) = if self.is_input_priced { ("1", "2") } else { ("0", "4") };
        set_price(&home, input, output);
        home.ok(&["budget", "set", "day", "--limit", "0.02", "--window", "day"]);
        let servers: Vec<Server> = (0..self.proxies).map(|_| home.serve()).collect();
        let answers = at_once(&servers, &vec![self.request(); 100]);

        let passed = answers.iter().filter(|answer| answer.status == 200).count();
        let refused = answers.iter().filter(|answer| answer.status == 402).count();
        let calls = home.calls_at_rest();
        let billed = calls.iter().filter(|call| !call["cost_usd"].is_empty());
        let billed: Vec<Decimal> = billed.map(|call| usd(&call["cost_usd"])).collect();
        let really: u64 = provider.served().iter().map(|served| served.output_tokens).sum();
        let least = if self.is_input_priced { 9 } else { 10 };
        let sum: Decimal = billed.iter().sum();
        let figures = format!("{passed} passed, {refused} refused, {billed:?}, {really} tokens");
        let is_right = passed + refused == 100
            && sum <= usd("0.02")
            && (least..=10).contains(&billed.len())
            && really <= 10 * OUTPUT
            && (self.is_input_priced || sum == usd("0.02"));
        let held = servers[0].read("/budgets/day")["held"].clone();
        match is_right && held == "0.00" {
            true => Ok(()),
            false => Err(format!("{self:?}: {figures}, {held} held")),
        }
    }
}

fn set_price(home: &Home, input: &str, output: &str) {
    let price = ["--provider", "openai", "--input", input, "--output", output];
    home.ok(&[&["prices", "set", MODEL][..], &price].concat());
}

/// Sends them all at once, to one server after the other.
fn at_once(servers: &[Server], requests: &[Request]) -> Vec<Answer> {
    std::thread::scope(|scope| {
        let sent: Vec<_> = requests
            .iter()
            .zip(servers.iter().cycle())
            .map(|(request, server)| scope.spawn(|| request.send(server.address())))
            .collect();
        sent.into_iter().map(|call| call.join().unwrap()).collect()
    })
}

#[test]
fn a_hundred_at_once_use_up_the_limit_and_do_not_pass_it() {
    let trials = Mutex::new(Trial::all().into_iter());
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(trial) = trials.lock().unwrap().next() else { return };
                    if let Err(failure) = trial.outcome() {
                        failures.lock().unwrap().push(failure);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn calls_of_unequal_cost_use_the_budget_before_one_is_refused() {
    for is_stream in [false, true] {
        let provider = FakeProvider::start();
        let home = Home::new(&provider);
        home.write_config("[admission]\nwait_max = \"100s\"\n");
        set_price(&home, "0", "4");
        home.ok(&["budget", "set", "day", "--limit", "0.02", "--window", "day"]);
        let servers = [home.serve(), home.serve()];
        let requests: Vec<Request> = (0..60)
            .map(|nth| {
                let script = Script {
                    output_tokens: 60 + nth * 13,
                    text: "word ".repeat(10),
                    chunks: 5,
                    chunk_every_ms: 20,
                    delay_ms: 50,
                    ..Script::default()
                };
                let body = json!({
                    "model": MODEL, "max_tokens": 900, "stream": is_stream,
                    "messages": [{"role": "user", "content": format!("Call {nth}")}],
                });
                Request::post(CHAT, &body).json_header(SCRIPT_HEADER, &script).patient(PATIENCE)
            })
            .collect();
        let answers = at_once(&servers, &requests);
        let refusals: Vec<Value> =
            answers.iter().filter(|answer| answer.status == 402).map(Answer::json).collect();
        assert!(!refusals.is_empty(), "60 calls of about 440 tokens do not fit 5,000");
        for refusal in refusals {
            assert_eq!(refusal["error"]["code"], "budget_exceeded");
            let used = usd(refusal["used"].as_str().unwrap());
            assert!(used >= usd("0.019"), "refused at {used}, stream: {is_stream}");
        }
        let calls = home.calls_at_rest();
        let billed = calls.iter().filter(|call| !call["cost_usd"].is_empty());
        let sum: Decimal = billed.map(|call| usd(&call["cost_usd"])).sum();
        assert!(sum <= usd("0.02") && sum >= usd("0.019"), "{sum}");
    }
}

#[test]
fn far_from_the_limit_nobody_waits() {
    let provider = FakeProvider::start();
    provider.set_default(Script { output_tokens: OUTPUT, delay_ms: 200, ..Script::default() });
    let home = Home::new(&provider);
    set_price(&home, "1", "2");
    home.ok(&["budget", "set", "day", "--limit", "50", "--window", "day"]);
    let servers = [home.serve(), home.serve()];
    let of_shape =
        |answer, has_cap| Trial { answer, has_cap, proxies: 2, is_input_priced: true }.request();
    let shapes = [
        of_shape(Shape::Document(0), false),
        of_shape(Shape::Document(0), true),
        of_shape(Shape::Stream, false),
        of_shape(Shape::Stream, true),
    ];
    let requests: Vec<Request> = shapes.iter().cycle().take(100).cloned().collect();
    let answers = at_once(&servers, &requests);
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert!(home.calls_at_rest().iter().all(|call| call["limit_action"] != "waited"));
    for server in &servers {
        let metrics = Request::get("/metrics")
            .header("authorization", &format!("Bearer {}", home.token()))
            .send(server.address())
            .text();
        let waited = metrics.lines().find(|line| line.starts_with("outlay_process_waits_total"));
        assert_eq!(waited, Some("outlay_process_waits_total 0"));
    }
}
