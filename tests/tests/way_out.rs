//! Providers behind the proxy that the environment names.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::{self, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use support::client::{header, read_head};
use support::fake_provider::FakeProvider;
use support::listener::Listener;
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
        let is_told =
            answer.text().contains(&format!("through the proxy http://{}", proxy.address));
        assert_eq!(is_told, status != 200, "{}", answer.text());
        assert_eq!(home.calls_at_rest()[0]["status"], settled);
    }
}

/// What a SOCKS proxy does with whoever connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    /// Passes everything on to the fake provider, whichever one was asked for.
    PassesOn,
    /// Says yes and goes.
    GoesAway,
    Forbids,
    /// Takes nobody without a user.
    WantsUser,
    /// Takes no user.
    KnowsNoUser,
    /// Nobody listens there.
    IsAbsent,
}

/// A SOCKS proxy, and what it was told: the version, the user, and where to.
struct Socks {
    address: SocketAddr,
    told: Arc<Mutex<Vec<String>>>,
    _listener: Option<Listener>,
}

impl Socks {
    fn that(does: Does, provider: SocketAddr) -> Socks {
        let told = Arc::<Mutex<Vec<String>>>::default();
        let tells = told.clone();
        let listener = Listener::start(move |client| negotiate(client, does, provider, &tells));
        let address = listener.address();
        Socks { address, told, _listener: (does != Does::IsAbsent).then_some(listener) }
    }
}

fn negotiate(
    mut client: TcpStream,
    does: Does,
    provider: SocketAddr,
    told: &Mutex<Vec<String>>,
) -> io::Result<()> {
    let (is_yes, yes, no) = (does != Does::Forbids, [0, 90], [0, 91]);
    let (to, answer) = match bytes::<1>(&mut client)? {
        [4] => (asked_of_4(&mut client)?, [&(if is_yes { yes } else { no })[..], &[0; 6]].concat()),
        _ => {
            let Some(user) = user_of_5(&mut client, does)? else { return Ok(()) };
            let answer = [5, if is_yes { 0 } else { 2 }, 0, 1, 0, 0, 0, 0, 0, 0];
            (format!("5 {user} {}", asked_of_5(&mut client)?), answer.to_vec())
        }
    };
    told.lock().unwrap().push(to);
    client.write_all(&answer)?;
    if does == Does::PassesOn {
        let mut upstream = TcpStream::connect(provider)?;
        let (mut from, mut to) = (client.try_clone()?, upstream.try_clone()?);
        thread::spawn(move || io::copy(&mut from, &mut to));
        io::copy(&mut upstream, &mut client)?;
    }
    Ok(())
}

fn asked_of_4(client: &mut TcpStream) -> io::Result<String> {
    let [_, high, low, a, b, c, d] = bytes::<7>(client)?;
    let user = text_of_4(client)?;
    let host = match [a, b, c] {
        [0, 0, 0] => text_of_4(client)?,
        _ => Ipv4Addr::new(a, b, c, d).to_string(),
    };
    Ok(format!("4 {user} {host}:{}", u16::from_be_bytes([high, low])))
}

/// The user and the password, if it is told any; `None` where that is the end of it.
fn user_of_5(client: &mut TcpStream, does: Does) -> io::Result<Option<String>> {
    let [count] = bytes::<1>(client)?;
    let mut methods = vec![0; count.into()];
    client.read_exact(&mut methods)?;
    if methods.contains(&0) && does != Does::WantsUser {
        client.write_all(&[5, 0])?;
        return Ok(Some(String::new()));
    }
    if !methods.contains(&2) {
        client.write_all(&[5, 0xff])?;
        return Ok(None);
    }
    client.write_all(&[5, 2])?;
    let _version = bytes::<1>(client)?;
    let user = format!("{}:{}", text_of_5(client)?, text_of_5(client)?);
    client.write_all(&[1, (does == Does::KnowsNoUser).into()])?;
    Ok((does != Does::KnowsNoUser).then_some(user))
}

fn asked_of_5(client: &mut TcpStream) -> io::Result<String> {
    let host = match bytes::<4>(client)? {
        [.., 3] => text_of_5(client)?,
        _ => Ipv4Addr::from(bytes::<4>(client)?).to_string(),
    };
    Ok(format!("{host}:{}", u16::from_be_bytes(bytes(client)?)))
}

fn bytes<const N: usize>(client: &mut TcpStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    client.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Text that ends with a zero.
fn text_of_4(client: &mut TcpStream) -> io::Result<String> {
    let mut text = String::new();
    loop {
        match bytes(client)? {
            [0] => return Ok(text),
            [byte] => text.push(byte.into()),
        }
    }
}

/// Text with its length before it.
fn text_of_5(client: &mut TcpStream) -> io::Result<String> {
    let mut text = vec![0; bytes::<1>(client)?[0].into()];
    client.read_exact(&mut text)?;
    String::from_utf8(text).map_err(io::Error::other)
}

#[test]
fn providers_elsewhere_are_reached_through_a_socks_proxy() {
    // Looked up here it is unknown at once: it is too long to be asked for.
    let name = format!("{}.invalid", "x".repeat(64));
    let said = |version_and_user: &str, port: u16| format!("{version_and_user} {name}:{port}");
    let to = |port: &str| format!("http://{name}{port}");
    let unknown = "lookup address";
    for (proxy, upstream, does, told, error) in [
        ("socks5h://", to(""), Does::PassesOn, Some(said("5 ", 80)), None),
        ("socks5h://", to(":8080"), Does::PassesOn, Some(said("5 ", 8080)), None),
        (
            "socks5h://user:se%40cret@",
            to(""),
            Does::PassesOn,
            Some(said("5 user:se@cret", 80)),
            None,
        ),
        (
            "socks5://",
            "http://192.0.2.7".into(),
            Does::PassesOn,
            Some("5  192.0.2.7:80".into()),
            None,
        ),
        ("socks5://", to(""), Does::PassesOn, None, Some(unknown)),
        ("socks4a://", to(""), Does::PassesOn, Some(said("4 ", 80)), None),
        (
            "socks4://",
            "http://192.0.2.7".into(),
            Does::PassesOn,
            Some("4  192.0.2.7:80".into()),
            None,
        ),
        ("socks4://", to(""), Does::PassesOn, None, Some(unknown)),
        (
            "socks5h://",
            "https://provider.invalid".into(),
            Does::GoesAway,
            Some("5  provider.invalid:443".into()),
            Some("eof"),
        ),
        ("socks5h://", to(""), Does::Forbids, Some(said("5 ", 80)), Some("connection not allowed")),
        ("socks4a://", to(""), Does::Forbids, Some(said("4 ", 80)), Some("server failed to")),
        ("socks5h://", to(""), Does::WantsUser, None, Some("without a user: SOCKS error")),
        ("socks5h://user:se%40cret@", to(""), Does::KnowsNoUser, None, Some("not accepted")),
        ("socks5h://", to(""), Does::IsAbsent, None, Some("tcp connect error")),
    ] {
        let what = format!("{proxy} {does:?} {told:?}");
        let provider = FakeProvider::start();
        let socks = Socks::that(does, provider.address());
        let home = Home::bare()
            .with_env("OUTLAY_UPSTREAM_OPENAI", &upstream)
            .with_env("ALL_PROXY", &format!("{proxy}{}", socks.address));
        price_the_model(&home);
        let server = home.serve();
        let answer = chat().send(server.address());
        let text = answer.text();
        assert_eq!(*socks.told.lock().unwrap(), Vec::from_iter(told), "{what}: {text}");
        assert_eq!(answer.status, if error.is_none() { 200 } else { 502 }, "{what}: {text}");
        assert_eq!(provider.served().len(), usize::from(error.is_none()), "{what}");
        let scheme = proxy.split("://").next().unwrap();
        if let Some(error) = error {
            let through = format!("through the proxy {scheme}://{}", socks.address);
            assert!(text.contains(&through) && text.contains(error), "{what}: {text}");
            assert!(!text.contains("cret"), "{what}: {text}");
        }
        let status = if error.is_none() { "settled" } else { "failed" };
        assert_eq!(home.calls_at_rest()[0]["status"], status, "{what}");
    }
}
