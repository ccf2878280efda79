//! What a link `outlay://…` selects: a page of the dashboard, and nothing else ever. Any website may
//! carry such a link, so what is not plainly a page is ignored.

/// The links' scheme, as tauri.conf.json has it; the window's own is another one.
const SCHEME: &str = "outlay";

/// The dashboard's pages, as `ui/src/route.ts` has them.
const PAGES: [&str; 10] = [
    "overview", "calls", "budgets", "balances", "reports", "prices", "alerts", "tools", "settings",
    "start",
];

/// Those of which one thing can be shown: a call by its id, a budget by its name.
const WITH_ONE_THING: [&str; 2] = ["calls", "budgets"];

/// Longer than any id or name that is in use.
const LENGTH_MAX: usize = 200;

/// The part of the dashboard's address behind `#` (`/calls/<id>`); `None` where the link selects
/// nothing. A question (`?…`) is no page: it could be one that does something some day.
pub(crate) fn page_of(link: &str) -> Option<String> {
    let (scheme, rest) = link.split_once("://").filter(|_| link.len() <= LENGTH_MAX)?;
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return None;
    }
    let (page, thing) = rest.split_once('/').unwrap_or((rest, ""));
    // Where a host stands systems may have changed its case, and put a slash behind it.
    let page = page.to_ascii_lowercase();
    let knows = |pages: &[&str]| pages.contains(&page.as_str());
    match thing {
        "" if page.is_empty() => Some("/".to_owned()),
        "" => knows(&PAGES).then(|| format!("/{page}")),
        name => (knows(&WITH_ONE_THING) && is_name(name)).then(|| format!("/{page}/{name}")),
    }
}

/// Whether it is one part of a path that cannot become anything else: plain letters, and of escaped
/// ones only spaces and what is not ASCII.
fn is_name(text: &str) -> bool {
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let is_fine = match byte {
            b'%' => escaped(&mut rest).is_some_and(|byte| byte == b' ' || byte >= 0x80),
            byte => byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte),
        };
        if !is_fine {
            return false;
        }
    }
    !text.trim_matches('.').is_empty()
}

fn escaped(rest: &mut impl Iterator<Item = u8>) -> Option<u8> {
    let mut digit = || char::from(rest.next()?).to_digit(16);
    let (high, low) = (digit()?, digit()?);
    u8::try_from(high * 16 + low).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_selects_a_page() {
        for (link, expected) in [
            ("outlay://", "/"),
            ("outlay://overview", "/overview"),
            ("outlay://budgets", "/budgets"),
            ("outlay://reports/", "/reports"),
            ("OUTLAY://Alerts", "/alerts"),
            ("outlay://calls/0193-ab_c.d~e", "/calls/0193-ab_c.d~e"),
            ("outlay://budgets/day", "/budgets/day"),
            ("outlay://budgets/my%20day", "/budgets/my%20day"),
            ("outlay://budgets/caf%C3%A9", "/budgets/caf%C3%A9"),
        ] {
            assert_eq!(page_of(link).as_deref(), Some(expected), "{link}");
        }
    }

    #[test]
    fn everything_else_selects_nothing() {
        let long = format!("outlay://calls/{}", "a".repeat(LENGTH_MAX));
        for link in [
            "",
            "outlay",
            "outlay:",
            "outlay:calls",
            "outlay:/calls",
            "calls",
            "--in-tray",
            "https://example.com/",
            "outlay-app://localhost/",
            "javascript://calls",
            "outlay://nowhere",
            "outlay://calls?status=refused",
            "outlay://budgets/day?raise=100",
            "outlay://calls#x",
            "outlay://user@calls",
            "outlay://calls:80",
            "outlay://calls/a/b",
            "outlay://calls/a/",
            "outlay://calls/..",
            "outlay://calls/.",
            "outlay://calls/../budgets",
            "outlay://calls/..%2Fbudgets",
            "outlay://calls/%2e%2e",
            "outlay://calls/%",
            "outlay://calls/%2",
            "outlay://calls/%zz",
            "outlay://calls/%00",
            "outlay://calls/a b",
            "outlay://calls/a\nb",
            "outlay://calls/<script>",
            "outlay://calls/'-alert(1)-'",
            "outlay://calls/é",
            "outlay://settings/port",
            "outlay://localhost/api/v1/bypass",
            " outlay://calls",
            long.as_str(),
        ] {
            assert_eq!(page_of(link), None, "{link}");
        }
    }

    #[test]
    fn the_pages_are_the_dashboards() {
        let route = include_str!("../../ui/src/route.ts");
        let pages = PAGES.map(|page| format!("'{page}'")).join(", ");
        assert!(route.contains(&format!("export const PAGES = [{pages}] as const;")), "{pages}");
    }
}
