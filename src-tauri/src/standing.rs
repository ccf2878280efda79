//! How the day stands, in an icon and three lines: no I/O here.

use std::net::SocketAddr;

use crate::documents::{Balance, Budget, Spend, State, Status};
use crate::words::{cents, named, when};

/// Who meters calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proxying {
    /// This process, at this address.
    Here(SocketAddr),
    /// Another one.
    Elsewhere(SocketAddr),
    /// Nobody.
    Nowhere,
}

/// What the icon's colour and shape tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Every budget has room, or there is none.
    Fine,
    /// A budget or a balance is past its warning, or no limit refuses.
    Warned,
    /// Calls wait for money that others hold.
    Waiting,
    /// A hard budget or an account refuses calls.
    Refusing,
    /// No proxy answers, or the ledger does not.
    Down,
}

/// What the tray shows of the day as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) mood: Mood,
    /// Beside the icon: `$4.98`.
    pub(crate) label: String,
    /// The menu's first lines.
    pub(crate) today: String,
    pub(crate) month: String,
    /// What the mood is about.
    pub(crate) reason: String,
}

impl Proxying {
    pub(crate) fn address(self) -> Option<SocketAddr> {
        match self {
            Proxying::Here(address) | Proxying::Elsewhere(address) => Some(address),
            Proxying::Nowhere => None,
        }
    }
}

impl Standing {
    /// `status` where the ledger answers, `notice` where it is known why nobody meters calls.
    pub(crate) fn new(
        status: Option<&Status>,
        proxying: Proxying,
        notice: Option<&str>,
    ) -> Standing {
        let Some(status) = status else {
            return Standing {
                mood: Mood::Down,
                label: "$–".to_owned(),
                today: "Today: not known".to_owned(),
                month: "This month: not known".to_owned(),
                reason: notice.unwrap_or("Outlay could not read its ledger").to_owned(),
            };
        };
        let (mood, reason) = match proxying {
            Proxying::Nowhere => {
                let soon = "No calls are metered: Outlay takes over in a moment";
                (Mood::Down, notice.unwrap_or(soon).to_owned())
            }
            Proxying::Here(_) | Proxying::Elsewhere(_) => mood(status),
        };
        Standing {
            mood,
            label: cents(status.today.cost_usd),
            today: line("Today", &status.today),
            month: line("This month", &status.month),
            reason,
        }
    }

    /// The icon's tooltip (Linux trays show none).
    pub(crate) fn tooltip(&self) -> String {
        format!("Outlay – {} – {}", self.today, self.reason)
    }
}

/// The worst of the budgets and balances, and which.
fn mood(status: &Status) -> (Mood, String) {
    if let Some(bypass) = &status.bypass {
        let until = when(bypass.until, status.as_of, status.timezone);
        return (Mood::Warned, format!("Limits are paused until {until}: nothing is refused"));
    }
    let budgets = |is: &dyn Fn(&Budget) -> bool| -> Vec<&str> {
        let budgets = status.budgets.iter().filter(|budget| is(budget));
        budgets.map(|budget| budget.name.as_str()).collect()
    };
    let balances = |is: fn(&Balance) -> bool| {
        status.balances.iter().filter(move |one| is(one)).map(|one| one.account.as_str())
    };
    let full = budgets(&|budget| budget.state == State::Blocked);
    let empty: Vec<&str> = balances(|balance| balance.refusing).collect();
    let waited_for = budgets(&|budget| status.waits_for(budget));
    let mut warned = budgets(&|budget| budget.state == State::Warned);
    warned.extend(balances(Balance::is_low));
    if !full.is_empty() {
        (Mood::Refusing, format!("Refusing calls: no room in {}", named(&full)))
    } else if !empty.is_empty() {
        (Mood::Refusing, format!("Refusing calls: too little left on {}", named(&empty)))
    } else if !waited_for.is_empty() {
        (Mood::Waiting, format!("Calls wait for {}", named(&waited_for)))
    } else if !warned.is_empty() {
        (Mood::Warned, format!("Nearly used up: {}", named(&warned)))
    } else if status.budgets.is_empty() {
        (Mood::Fine, "No budgets set".to_owned())
    } else {
        (Mood::Fine, "All budgets have room".to_owned())
    }
}

fn line(period: &str, spend: &Spend) -> String {
    let calls = if spend.calls == 1 { "1 call" } else { &format!("{} calls", spend.calls) };
    format!("{period}: {}, {calls}", cents(spend.cost_usd))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::samples::{balance, budget, status};

    const HERE: Proxying =
        Proxying::Here(SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 4780));

    #[test]
    fn the_icon_tells_the_worst() {
        let low = || balance("openai", "\"remaining\":\"1.50\",\"warn_below\":\"2.00\"");
        let empty = || balance("work", "\"refusing\":true");
        let waiting = |since: &str| {
            budget("day", &format!("\"state\":\"waiting\",\"waiting_since\":\"{since}\""))
        };
        let month_warned = || budget("month", "\"state\":\"warned\"");
        for (budgets, balances, mood, reason) in [
            (vec![], vec![], Mood::Fine, "No budgets set"),
            (vec![budget("day", "")], vec![], Mood::Fine, "All budgets have room"),
            (
                vec![budget("day", ""), month_warned()],
                vec![],
                Mood::Warned,
                "Nearly used up: month",
            ),
            (vec![month_warned()], vec![low()], Mood::Warned, "Nearly used up: month and openai"),
            (
                vec![month_warned(), waiting("2026-11-21T11:59:58Z")],
                vec![],
                Mood::Waiting,
                "Calls wait for day",
            ),
            (vec![waiting("2026-11-21T11:59:59Z")], vec![], Mood::Fine, "All budgets have room"),
            (
                vec![waiting("2026-11-21T11:59:58Z"), budget("month", "\"state\":\"blocked\"")],
                vec![low()],
                Mood::Refusing,
                "Refusing calls: no room in month",
            ),
            (
                vec![month_warned()],
                vec![empty()],
                Mood::Refusing,
                "Refusing calls: too little left on work",
            ),
        ] {
            let status = status(&budgets, &balances, "null");
            let standing = Standing::new(Some(&status), HERE, None);
            assert_eq!((standing.mood, standing.reason.as_str()), (mood, reason), "{budgets:?}");
            assert_eq!(standing.label, "$4.98");
            assert_eq!(standing.today, "Today: $4.98, 12 calls");
            assert_eq!(standing.month, "This month: $61.20, 1 call");
        }
    }

    #[test]
    fn paused_limits_are_a_warning() {
        let budgets = [budget("day", "\"state\":\"bypassed\"")];
        let status = status(&budgets, &[], "{\"until\":\"2026-11-21T13:05:00Z\",\"why\":null}");
        let standing = Standing::new(Some(&status), HERE, None);
        assert_eq!(standing.mood, Mood::Warned);
        assert_eq!(standing.reason, "Limits are paused until 14:05: nothing is refused");
    }

    #[test]
    fn without_a_proxy_nothing_else_counts() {
        let status = status(&[budget("day", "\"state\":\"blocked\"")], &[], "null");
        let soon = "No calls are metered: Outlay takes over in a moment";
        for (status, proxying, notice, label, reason) in [
            (Some(&status), Proxying::Nowhere, None, "$4.98", soon),
            (
                Some(&status),
                Proxying::Nowhere,
                Some("the port is taken"),
                "$4.98",
                "the port is taken",
            ),
            (None, Proxying::Nowhere, None, "$–", "Outlay could not read its ledger"),
            (None, Proxying::Nowhere, Some("the config is wrong"), "$–", "the config is wrong"),
            (None, HERE, None, "$–", "Outlay could not read its ledger"),
        ] {
            let standing = Standing::new(status, proxying, notice);
            assert_eq!(
                (standing.mood, standing.label.as_str(), standing.reason.as_str()),
                (Mood::Down, label, reason)
            );
        }
    }
}
