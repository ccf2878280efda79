//! Providers behind the proxy that the environment names.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;

use support::client::{header, read_head};
use support::outlay::Home;
use support::story::{chat, price_the_model};

/// `user:secret`, as a proxy is told them.
const SAID: &str = "Basic dXNlcjpzZWNyZXQ=";
const ANSWER: &str = r#"{"id":"c","model":"story-model","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":200,"total_tokens":201}}"#;

/// One connection's first line, and what it says of itself; it gets `answer` and is closed.
struct Proxy {
    address: SocketAddr,
    heard: thread::JoinHandle<(String, Option<String>)>,
}

impl Proxy {
    fn that_answers(answer: String) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heard = thread::spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(connection.try_clone().unwrap());
            let (line, headers) = read_head(&mut reader).unwrap();
            let length = header(&headers, "content-length").map_or(0, |text| text.parse().unwrap());
            reader.read_exact(&mut vec![0; length]).unwrap();
            connection.write_all(answer.as_bytes()).unwrap();
            (line, header(&headers, "proxy-authorization").map(str::to_owned))
        });
        Proxy { address, heard }
    }
}

#[test]
fn providers_elsewhere_are_reached_through_the_proxy_of_the_environment() {
    let length = ANSWER.len();
    let answered = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{ANSWER}"
    );
    let turned_away = "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n".to_owned();
    for (upstream, variable, answer, line, status, settled) in [
        (
            "http://provider.invalid",
            "HTTP_PROXY",
            answered,
            "POST http://provider.invalid/v1/chat/completions HTTP/1.1",
            200,
            "settled",
        ),
        (
            "https://provider.invalid",
            "HTTPS_PROXY",
            turned_away,
            "CONNECT provider.invalid:443 HTTP/1.1",
            502,
            "failed",
        ),
    ] {
        let proxy = Proxy::that_answers(answer);
        let home = Home::bare()
            .with_env("OUTLAY_UPSTREAM_OPENAI", upstream)
            .with_env(variable, &format!("http://user:secret@{}", proxy.address));
        price_the_model(&home);
        let server = home.serve();
        let answer = chat().send(server.address());
        assert_eq!(proxy.heard.join().unwrap(), (line.to_owned(), Some(SAID.to_owned())));
        assert_eq!(answer.status, status, "{}", answer.text());
        assert!(!answer.text().contains("secret"));
        assert_eq!(home.calls_at_rest()[0]["status"], settled);
    }
}
