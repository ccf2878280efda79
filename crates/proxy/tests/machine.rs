//! The routes about the user's machine: a machine of the test's own answers, and its documents are the
//! API's.

mod desk;

use std::net::SocketAddr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use desk::Desk;
use http::Method;
use insta::assert_json_snapshot;
use outlay_proxy::machine::{
    AlertTest, BackedUp, ConnectWanted, Connection, ExportWanted, Exported, FileChange,
    ImportEnded, ImportProgress, ImportWanted, ImportedSource, Imports, LogSource, Logs, Machine,
    MachineError, NotificationsView, ServiceView, SettingsChange, SettingsView, TestedWay,
    ToolLogs, ToolView, Tools, Unread,
};
use serde_json::json;

/// Answers the same whenever it is asked.
struct Doll;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap_or_default()
}

fn unread() -> Unread {
    Unread { path: "/home/me/.codex/x".to_owned(), reason: "permission denied".to_owned() }
}

impl Machine for Doll {
    fn tools(&self, address: SocketAddr) -> Result<Tools, MachineError> {
        let tool = ToolView {
            tool: "claude-code".to_owned(),
            name: "Claude Code".to_owned(),
            found: true,
            connectable: true,
            connected: true,
            config_file: Some("/home/me/.claude/settings.json".to_owned()),
            address: Some(format!("http://{address}")),
            problem: None,
            hint: None,
            statusline: Some(false),
            logs: Some(ToolLogs { files: 2, last_modified: Some(at("2026-11-21T11:00:00Z")) }),
        };
        Ok(Tools { address: format!("http://{address}"), tools: vec![tool] })
    }

    fn connect(
        &self,
        tool: &str,
        wanted: ConnectWanted,
        address: SocketAddr,
    ) -> Result<Connection, MachineError> {
        if tool != "claude-code" {
            return Err(MachineError::NotFound("known tools are claude-code".to_owned()));
        }
        let change = FileChange {
            file: "/home/me/.claude/settings.json".to_owned(),
            diff: format!("+{address}, statusline {}\n", wanted.statusline),
            backup: Some("/data/connections/claude-code.before".to_owned()),
        };
        let (changes, note) = (vec![change], Some("Restart it.".to_owned()));
        Ok(Connection { tool: tool.to_owned(), dry_run: wanted.dry_run, changes, note })
    }

    fn disconnect(&self, _: &str, _: bool) -> Result<Connection, MachineError> {
        Err(MachineError::Conflict("settings.json is read-only: make it writable".to_owned()))
    }

    fn logs(&self) -> Result<Logs, MachineError> {
        let source = LogSource {
            source: "codex".to_owned(),
            name: "Codex".to_owned(),
            files: 7,
            files_new: 2,
            bytes: 1_234,
            oldest: Some(at("2026-11-01T08:00:00Z")),
            newest: Some(at("2026-11-21T11:00:00Z")),
            imported_until: Some(at("2026-11-20T11:00:00Z")),
            problems: vec![unread()],
        };
        Ok(Logs { sources: vec![source] })
    }

    fn begin_import(&self, wanted: ImportWanted) -> Result<Imports, MachineError> {
        let started_at = at("2026-11-21T12:00:00Z");
        let dry_run = wanted.dry_run;
        let running =
            ImportProgress { started_at, dry_run, bytes: 10, bytes_total: 1_234, calls: 1 };
        Ok(Imports { running: Some(running), last: None })
    }

    fn imports(&self) -> Imports {
        let source = ImportedSource {
            source: "codex".to_owned(),
            name: "Codex".to_owned(),
            files: 7,
            files_read: 2,
            calls: 3,
            unpriced_calls: 1,
            cost_usd: "0.5".parse().unwrap_or_default(),
            plan_value_usd: "1.25".parse().unwrap_or_default(),
            grown: 1,
            known: 4,
            merged: 2,
            matched: 1,
            ahead: 0,
            broken_lines: 1,
            problems: vec![unread()],
        };
        let ended = ImportEnded {
            started_at: at("2026-11-21T11:59:00Z"),
            ended_at: at("2026-11-21T12:00:00Z"),
            dry_run: false,
            sources: vec![source],
            error: None,
        };
        Imports { running: None, last: Some(ended) }
    }

    fn settings(&self, address: SocketAddr) -> Result<SettingsView, MachineError> {
        Ok(SettingsView {
            config_file: "/home/me/.config/outlay/outlay.toml".to_owned(),
            data_folder: "/home/me/.local/share/outlay".to_owned(),
            ledger_bytes: 4_096,
            version: "0.1.0".to_owned(),
            address,
            started_at: at("2026-11-21T11:00:00Z"),
            timezone: "Europe/Berlin".to_owned(),
            timezone_set: true,
            listen: address,
            durability: "process",
            strict: false,
            block_when_empty: false,
            keep_days: None,
            notifications: NotificationsView {
                desktop: true,
                quiet_hours: Some("22:00-07:00".to_owned()),
                command_set: false,
                webhooks: vec!["hooks.slack.com".to_owned()],
            },
            restart_needed: false,
            problem: None,
        })
    }

    fn change_settings(&self, change: SettingsChange) -> Result<(), MachineError> {
        match change.strict {
            Some(_) => Ok(()),
            None => Err(MachineError::Invalid("outlay.toml: nothing is strict".to_owned())),
        }
    }

    fn service(&self) -> Result<ServiceView, MachineError> {
        Ok(ServiceView {
            supported: true,
            installed: true,
            running: true,
            answers: false,
            file: Some("/home/me/.config/systemd/user/outlay.service".to_owned()),
            detail: "The service runs.".to_owned(),
        })
    }

    fn install_service(&self) -> Result<ServiceView, MachineError> {
        self.service()
    }

    fn uninstall_service(&self) -> Result<ServiceView, MachineError> {
        Err(MachineError::Conflict("the service answers this itself".to_owned()))
    }

    fn back_up(&self) -> Result<BackedUp, MachineError> {
        Ok(BackedUp { file: "/data/backups/outlay-2026-11-21.db".to_owned(), bytes: 4_096 })
    }

    fn export(&self, wanted: ExportWanted) -> Result<Exported, MachineError> {
        let day = |at: Option<DateTime<Utc>>| at.map(|at| at.to_string()).unwrap_or_default();
        let file = format!("/{:?} {} {}", wanted.form, day(wanted.since), day(wanted.until));
        Ok(Exported { file, rows: 3 })
    }

    fn test_alerts(&self) -> Result<AlertTest, MachineError> {
        let way = TestedWay {
            channel: "desktop".to_owned(),
            delivered: false,
            error: Some("no notification service answers".to_owned()),
            fix: Some("start one".to_owned()),
        };
        Ok(AlertTest { ways: vec![way] })
    }
}

#[tokio::test]
async fn documents_of_the_machine() {
    let desk = Desk::open().with_machine(Arc::new(Doll));
    let (get, post) = (Method::GET, Method::POST);
    let export = json!({"format": "csv", "since": "2026-11-01"});
    let tool = "/tools/claude-code/connection";
    for (name, method, path, body, status) in [
        ("tools", &get, "/tools", None, 200),
        ("connection", &post, tool, Some(json!({"dry_run": true, "statusline": true})), 200),
        ("in_the_way", &Method::DELETE, tool, None, 409),
        ("logs", &get, "/logs", None, 200),
        ("import_begun", &post, "/imports", Some(json!({"dry_run": true})), 202),
        ("imports", &get, "/imports", None, 200),
        ("settings", &get, "/settings", None, 200),
        ("service", &get, "/service", None, 200),
        ("backed_up", &post, "/backups", None, 200),
        ("exported", &post, "/exports", Some(export), 200),
        ("alert_test", &post, "/alerts/tests", None, 200),
        ("suggestion", &get, "/suggestion", None, 200),
    ] {
        let answer = desk.send(method.clone(), path, body.as_ref()).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
        assert_json_snapshot!(name, answer.json());
    }
}

#[tokio::test]
async fn what_the_machine_refuses_has_its_status() {
    let desk = Desk::open().with_machine(Arc::new(Doll));
    for (method, path, body, status) in [
        (Method::POST, "/tools/emacs/connection", json!({}), 404),
        (Method::POST, "/tools/claude-code/connection", json!({"force": true}), 400),
        (Method::DELETE, "/tools/claude-code/connection?dry_run=1", json!({}), 400),
        (Method::POST, "/imports", json!({"sources": "codex"}), 400),
        (Method::PATCH, "/settings", json!({"strict": true}), 200),
        (Method::PATCH, "/settings", json!({}), 400),
        (Method::PATCH, "/settings", json!({"notifications": {"sound": true}}), 400),
        (Method::PUT, "/service", json!({}), 200),
        (Method::DELETE, "/service", json!({}), 409),
        (Method::POST, "/backups", json!({"file": "/etc/passwd"}), 400),
        (Method::POST, "/exports", json!({"format": "csv", "file": "/x"}), 400),
        (Method::POST, "/exports", json!({"format": "csv", "since": "x"}), 400),
    ] {
        let answer = desk.send(method.clone(), path, Some(&body)).await;
        assert_eq!(answer.status, status, "{method} {path} {body}: {}", answer.text);
    }
}

#[tokio::test]
async fn without_a_machine_there_is_nothing_to_ask() {
    let desk = Desk::open();
    for path in ["/tools", "/logs", "/imports", "/settings", "/service"] {
        let answer = desk.get(path).await;
        assert_eq!(answer.status, 501, "{path}: {}", answer.text);
        assert!(
            answer.json()["message"].as_str().is_some_and(|said| said.contains("outlay serve"))
        );
        let stranger = desk.ask(Method::GET, &format!("/api/v1{path}"), &[], None).await;
        assert_eq!(stranger.status, 401, "{path}: {}", stranger.text);
    }
}
