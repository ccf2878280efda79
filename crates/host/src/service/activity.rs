//! What service managers say of a service, read without I/O.

use super::Activity;

/// What `systemctl show -p Id,ActiveState,MainPID` says of the service and its socket.
pub(super) fn of_systemd(shown: &str) -> (Activity, Option<u32>) {
    let value = |unit: &str, name: &str| {
        let block = shown.split("\n\n").find(|block| {
            block.lines().any(|line| line.strip_prefix("Id=").is_some_and(|id| id == unit))
        })?;
        block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
    };
    let service = value(super::systemd::SERVICE, "ActiveState");
    let socket = value(super::systemd::SOCKET, "ActiveState");
    let pid = value(super::systemd::SERVICE, "MainPID")
        .and_then(|pid| pid.parse().ok())
        .filter(|pid| *pid != 0);
    let activity = match (service, socket) {
        // A restart is on its way through these.
        (Some("active" | "activating" | "reloading" | "deactivating"), _) => Activity::Running,
        (Some("failed"), _) | (_, Some("failed")) => Activity::Failed,
        (Some(_), Some("active")) => Activity::Waiting,
        (Some(_), _) => Activity::Stopped,
        (None, _) => Activity::Unknown,
    };
    (activity, pid)
}

/// What `launchctl print` says of the agent.
pub(super) fn of_launchd(printed: &str) -> (Activity, Option<u32>) {
    let value = |name: &str| {
        printed.lines().find_map(|line| {
            let (key, value) = line.trim().split_once(" = ")?;
            (key == name).then(|| value.trim())
        })
    };
    let pid = value("pid").and_then(|pid| pid.parse().ok());
    let activity = match value("state") {
        Some("running") => Activity::Running,
        Some(_)
            if value("last exit code")
                .is_some_and(|code| code != "0" && !code.starts_with('(')) =>
        {
            Activity::Failed
        }
        Some(_) => Activity::Stopped,
        None => Activity::Unknown,
    };
    (activity, pid)
}

/// What `schtasks /query /fo csv /nh` says of the task. Its words are the system's language's, the
/// English ones are known.
pub(super) fn of_task(line: &str) -> (Activity, Option<u32>) {
    let status = line.trim().rsplit(',').next().unwrap_or_default().trim_matches('"');
    let activity = match status {
        "Running" => Activity::Running,
        "" => Activity::Unknown,
        _ => Activity::Stopped,
    };
    (activity, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systemd_says() {
        let shown = |service: &str, pid: &str, socket: &str| {
            format!(
                "Id=outlay.service\nActiveState={service}\nMainPID={pid}\n\nId=outlay.socket\nActiveState={socket}\n"
            )
        };
        for (service, pid, socket, expected) in [
            ("active", "12", "active", (Activity::Running, Some(12))),
            ("deactivating", "12", "active", (Activity::Running, Some(12))),
            ("inactive", "0", "active", (Activity::Waiting, None)),
            ("failed", "0", "active", (Activity::Failed, None)),
            ("failed", "0", "failed", (Activity::Failed, None)),
            ("inactive", "0", "failed", (Activity::Failed, None)),
            ("inactive", "0", "inactive", (Activity::Stopped, None)),
        ] {
            assert_eq!(of_systemd(&shown(service, pid, socket)), expected, "{service} {socket}");
        }
        assert_eq!(of_systemd(""), (Activity::Unknown, None));
    }

    #[test]
    fn what_launchd_and_windows_say() {
        let running = "gui/501/dev.outlay.proxy = {\n\tstate = running\n\tpid = 71\n}\n";
        let failed = "x = {\n\tstate = not running\n\tlast exit code = 1\n}\n";
        let never = "x = {\n\tstate = not running\n\tlast exit code = (never exited)\n}\n";
        for (printed, expected) in [
            (running, (Activity::Running, Some(71))),
            (failed, (Activity::Failed, None)),
            (never, (Activity::Stopped, None)),
            ("", (Activity::Unknown, None)),
        ] {
            assert_eq!(of_launchd(printed), expected, "{printed}");
        }
        for (line, expected) in [
            ("\"\\Outlay\",\"N/A\",\"Running\"\r\n", Activity::Running),
            ("\"\\Outlay\",\"N/A\",\"Ready\"\r\n", Activity::Stopped),
            ("", Activity::Unknown),
        ] {
            assert_eq!(of_task(line).0, expected, "{line}");
        }
    }
}
