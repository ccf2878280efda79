//! Who may talk to the proxy and its API, and what never reaches the disk.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::json;
use support::client::Request;
use support::fake_provider::FakeProvider;
use support::outlay::Home;
use support::script::{Act, SCRIPT_HEADER, Script};
use support::story::{CHAT, price_the_model};

#[test]
fn foreign_pages_and_names_are_turned_away_everywhere() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    let server = home.serve();
    let port = server.address().port();
    let token = format!("Bearer {}", home.token());
    let (own, ours) = (format!("http://127.0.0.1:{port}"), format!("localhost:{port}"));
    let other_port = format!("127.0.0.1:{}", port ^ 1);
    for (header, value, status) in [
        ("host", "evil.example", 403),
        ("host", other_port.as_str(), 403),
        ("host", ours.as_str(), 200),
        ("origin", "https://evil.example", 403),
        ("origin", "null", 403),
        ("origin", own.as_str(), 200),
        ("sec-fetch-site", "cross-site", 403),
        ("sec-fetch-site", "same-origin", 200),
    ] {
        for route in ["/api/v1/status", "/openai/v1/models"] {
            let answer = Request::get(route)
                .header("authorization", &token)
                .header(header, value)
                .send(server.address());
            assert_eq!(answer.status, status, "{route} with {header}: {value}");
        }
        let answer = Request::post(CHAT, &json!({"model": "gpt-4o", "messages": []}))
            .header(header, value)
            .send(server.address());
        assert_eq!(answer.status, status, "POST with {header}: {value}");
    }
    let text = Request::new("POST", CHAT)
        .header("content-type", "text/plain")
        .header("origin", "https://evil.example")
        .body("{}")
        .send(server.address());
    assert_eq!(text.status, 403, "a page can send this without asking first");
    assert_eq!(provider.served().len(), 6, "three allowed lines, a GET and a POST each");
}

#[test]
fn the_api_needs_the_token() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    let server = home.serve();
    let token = home.token();
    let wrong = format!("Bearer {}x", &token[..token.len() - 1]);
    for (header, value, status) in [
        ("authorization", format!("Bearer {token}"), 200),
        ("x-api-key", token.clone(), 200),
        ("authorization", wrong, 401),
        ("authorization", "Bearer ".to_owned(), 401),
        ("x-api-key", String::new(), 401),
        ("x-other", token.clone(), 401),
    ] {
        for route in ["/api/v1/status", "/api/v1/calls", "/api/v1/budgets", "/metrics"] {
            let answer = Request::get(route).header(header, &value).send(server.address());
            assert_eq!(answer.status, status, "{route} with {header}");
        }
    }
    let refused = Request::get("/api/v1/status").send(server.address()).json();
    assert!(refused["error"].is_string() && refused["message"].is_string(), "{refused}");
    for route in ["/healthz", "/", "/help/budget_exceeded"] {
        assert_eq!(Request::get(route).send(server.address()).status, 200, "{route} is open");
    }
}

#[test]
fn a_login_code_works_once_and_a_login_outlives_the_proxy() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    let server = home.serve();
    let printed = home.ok(&["dashboard", "--print"]);
    let url = printed.trim();
    assert!(url.starts_with(&format!("http://{}/#", server.address())), "{url}");
    let code = url.rsplit(['#', '=']).next().unwrap();
    let login = || Request::post("/api/v1/login", &json!({"code": code})).send(server.address());
    let first = login();
    assert_eq!(first.status, 200, "{}", first.text());
    let bearer = first.json();
    let bearer = bearer.as_object().unwrap().values().find_map(|value| value.as_str()).unwrap();
    assert_ne!(bearer, home.token(), "the page gets a bearer of its own");
    let status =
        Request::get("/api/v1/status").header("authorization", &format!("Bearer {bearer}"));
    assert_eq!(status.send(server.address()).status, 200);
    assert_eq!(login().status, 401, "a second use");
    let guess = Request::post("/api/v1/login", &json!({"code": "guess"})).send(server.address());
    assert_eq!(guess.status, 401);

    drop(server.stop());
    let next = home.serve();
    assert_eq!(status.send(next.address()).status, 200, "a page that was left open goes on");
    drop(next.stop());
    std::fs::remove_file(home.data_dir().join("token")).unwrap();
    let stranger = home.serve();
    assert_eq!(status.send(stranger.address()).status, 401, "its token was another one");
}

#[test]
fn prompts_answers_and_keys_never_reach_the_disk_or_the_logs() {
    let secrets = ["sk-SECRETKEY-0815", "PROMPT-OF-A-USER", "ANSWER-OF-A-MODEL", "GOOG-KEY-4711"];
    let provider = FakeProvider::start();
    let home = Home::new(&provider).with_env("RUST_LOG", "trace");
    price_the_model(&home);
    let server = home.serve();
    let acts = [Act::Answer, Act::RubbishBody, Act::Close, Act::InsufficientQuota, Act::Rubbish];
    for act in acts {
        for stream in [false, true] {
            let script = Script { act, text: "ANSWER-OF-A-MODEL ".to_owned(), ..Script::default() };
            let messages = json!([{"role": "user", "content": "PROMPT-OF-A-USER"}]);
            let body = json!({"model": "gpt-4o", "messages": messages, "stream": stream});
            let chat =
                Request::post(CHAT, &body).header("authorization", "Bearer sk-SECRETKEY-0815");
            let anthropic = Request::post("/anthropic/v1/messages", &body)
                .header("x-api-key", "sk-SECRETKEY-0815");
            let gemini = "/gemini/v1beta/models/gemini-2.5-flash:generateContent?key=GOOG-KEY-4711";
            let gemini = Request::post(gemini, &json!({"contents": messages}));
            for request in [chat, anthropic, gemini] {
                drop(request.json_header(SCRIPT_HEADER, &script).try_send(server.address()));
            }
        }
    }
    let broken = Request::post(CHAT, &json!({})).body("{\"PROMPT-OF-A-USER").header("x-a", "b");
    drop(broken.try_send(server.address()));
    assert!(home.calls_at_rest().len() >= 30);
    let (_, log) = server.stop();
    for secret in secrets {
        assert!(!log.contains(secret), "{secret} is in the log");
        let found = files_with(home.path(), secret);
        assert!(found.is_empty(), "{secret} is in {found:?}");
    }
    // The search itself finds what is there.
    assert!(!files_with(home.path(), "gpt-4o").is_empty());
}

#[test]
fn our_own_headers_and_the_token_are_not_sent_upstream() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    let server = home.serve();
    let sent = Request::post(CHAT, &json!({"model": "gpt-4o", "messages": []}))
        .header("authorization", "Bearer sk-test")
        .header("x-outlay-project", "demo")
        .header("x-outlay-tags", "team=a")
        .header("connection", "keep-alive, x-hop")
        .header("x-hop", "1")
        .header("x-custom", "kept")
        .send(server.address());
    drop(sent);
    let served = &provider.served()[0];
    assert_eq!(served.header("authorization"), Some("Bearer sk-test"));
    assert_eq!(served.header("x-custom"), Some("kept"));
    assert_eq!(served.header("x-hop"), None);
    assert_eq!(served.header("host"), Some(provider.address().to_string().as_str()));
    assert!(served.headers.iter().all(|(name, _)| !name.starts_with("x-outlay")));
}

#[test]
fn files_are_private() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    let _server = home.serve();
    for name in ["outlay.db", "token", "proxy.json"] {
        let mode = fs::metadata(home.data_dir().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
        } else {
            let bytes = fs::read(&path).unwrap();
            if bytes.windows(text.len()).any(|window| window == text.as_bytes()) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}
