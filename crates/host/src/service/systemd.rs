//! A user unit of systemd, and the socket that stays open while the service is restarted.

use std::net::SocketAddr;

use super::ServiceError;
use super::definition::{DRAIN, Definition, STOP_SECONDS};

pub(super) const SERVICE: &str = "outlay.service";
pub(super) const SOCKET: &str = "outlay.socket";

const LISTEN: &str = "ListenStream=";

/// The service's unit.
///
/// It hides no folders: what does so needs namespaces, which not every machine lets a user have, and
/// would hide the display, the session bus or a data folder under /tmp. What it forbids is forbidden
/// to the command that gets alerts too, so it forbids nothing that a usual one needs.
pub(super) fn service(definition: &Definition) -> Result<String, ServiceError> {
    let condition = condition(definition.program()?);
    let program = started(definition.program()?);
    let environment: String = definition
        .variables()?
        .iter()
        .map(|(name, value)| format!("Environment={}\n", quoted(&format!("{name}={value}"))))
        .collect();
    Ok(format!(
        "# Written by outlay service install; outlay service uninstall removes it.
[Unit]
Description=Outlay, the spend tracker for paid LLM APIs
Requires={SOCKET}
After={SOCKET}
{condition}
StartLimitIntervalSec=60
StartLimitBurst=5

[Service]
Type=notify
ExecStart=:{program} serve --drain {DRAIN}
{environment}Restart=on-failure
RestartSec=1
TimeoutStartSec=10min
TimeoutStopSec={STOP_SECONDS}
KillMode=mixed
UMask=0077
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native

[Install]
WantedBy=default.target
"
    ))
}

/// The socket's unit.
pub(super) fn socket(definition: &Definition) -> Result<String, ServiceError> {
    let condition = condition(definition.program()?);
    Ok(format!(
        "# Written by outlay service install; outlay service uninstall removes it.
[Unit]
Description=The port of Outlay, open also while the service is restarted
{condition}

[Socket]
{LISTEN}{}

[Install]
WantedBy=sockets.target
",
        definition.listen
    ))
}

/// A removed package leaves units behind in home folders: without its program they are skipped, and a port on
/// which nobody will ever answer is not opened.
fn condition(program: &str) -> String {
    format!("ConditionFileIsExecutable={}", program.replace('%', "%%"))
}

/// Where a socket's unit listens.
pub(super) fn address(unit: &str) -> Option<SocketAddr> {
    unit.lines().find_map(|line| line.strip_prefix(LISTEN)?.trim().parse().ok())
}

/// The program as the first word of a command line. systemd runs none with a quote or a backslash in its
/// name by itself.
fn started(program: &str) -> String {
    if program.contains(['"', '\'', '\\']) {
        format!("/usr/bin/env {}", quoted(program))
    } else {
        quoted(program)
    }
}

/// One word, in which only itself is meant: no specifier, no escape. The line's `:` keeps `$` as it is.
fn quoted(word: &str) -> String {
    let mut quoted = String::from("\"");
    for c in word.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '%' => quoted.push_str("%%"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn odd() -> Definition {
        Definition {
            program: "/home/anna b/100%/$HOME/outlay".into(),
            listen: "127.0.0.1:4780".parse().unwrap(),
            variables: vec![("OUTLAY_DATA_DIR".to_owned(), "/home/anna b/%h & $x".to_owned())],
        }
    }

    #[test]
    fn programs_of_odd_names() {
        for (program, expected) in [
            ("/usr/bin/outlay", r#""/usr/bin/outlay""#),
            ("/home/anna b/100%/$HOME/outlay", r#""/home/anna b/100%%/$HOME/outlay""#),
            ("/home/anna's/outlay", r#"/usr/bin/env "/home/anna's/outlay""#),
            (r#"/a\b"c/outlay"#, r#"/usr/bin/env "/a\\b\"c/outlay""#),
        ] {
            assert_eq!(started(program), expected);
        }
    }

    #[test]
    fn units_of_odd_paths() {
        insta::assert_snapshot!("systemd_service", service(&odd()).unwrap());
        insta::assert_snapshot!("systemd_socket", socket(&odd()).unwrap());
    }

    #[test]
    fn the_socket_says_where_it_listens() {
        for listen in ["127.0.0.1:4780", "[::1]:4781"] {
            let definition = Definition { listen: listen.parse().unwrap(), ..odd() };
            assert_eq!(address(&socket(&definition).unwrap()), Some(definition.listen));
        }
        assert_eq!(address("[Socket]\nListenStream=/run/x\n"), None);
    }
}
