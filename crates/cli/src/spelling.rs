//! Names that were probably meant otherwise.

use chrono::{DateTime, Utc};
use outlay_core::ledger::{AccountView, Ledger};
use outlay_core::report::{self, By, UsageQuery};
use outlay_host::config::UPSTREAM_VARIABLE;
use outlay_proxy::Settings;

use crate::failure::Failure;
use crate::proxy;
use crate::session::Session;

/// That a budget counts the calls to a provider which nobody knows.
///
/// # Errors
/// Where the configuration cannot be read.
pub(crate) fn provider(session: &Session, name: &str) -> Result<Option<String>, Failure> {
    let settings = settings(session)?;
    Ok(not_among(name, settings.upstreams.keys().map(String::as_str)))
}

/// That nothing draws on an account: no provider has its name, and no key is linked to it.
///
/// # Errors
/// Where the configuration or the ledger cannot be read.
pub(crate) fn account(session: &Session, name: &str) -> Result<Option<String>, Failure> {
    let settings = settings(session)?;
    let is_linked = |account: &AccountView| account.name == name && !account.keys.is_empty();
    if settings.upstreams.contains_key(name) || session.ledger()?.accounts()?.iter().any(is_linked)
    {
        return Ok(None);
    }
    let way = match meant(name, settings.upstreams.keys().map(String::as_str)) {
        Some(meant) => format!("did you mean '{meant}'? outlay account rm {name} takes it back."),
        None => format!("outlay account link KEY {name} links one."),
    };
    Ok(Some(format!(
        "No provider is called '{name}', so only keys that are linked to it draw on it: {way}"
    )))
}

/// That variables make providers of their own which are called much like one that there is.
pub(crate) fn upstream_variables(names: impl Iterator<Item = String>) -> Vec<String> {
    let known = Settings::builtin_upstreams();
    let each = names.filter_map(|name| {
        let provider = name.strip_prefix(UPSTREAM_VARIABLE)?.to_ascii_lowercase();
        let meant = meant(&provider, known.keys().map(String::as_str))?;
        // `openai2` is a second one.
        let meant = Some(meant).filter(|meant| !provider.starts_with(meant))?.to_ascii_uppercase();
        Some(format!(
            "{name} makes a provider '{provider}' of its own, and changes no other: did you mean {UPSTREAM_VARIABLE}{meant}?"
        ))
    });
    each.collect()
}

/// That no call so far has this value, but some have one that is much like it.
///
/// # Errors
/// Where the ledger cannot be read.
pub(crate) fn value(
    session: &Session,
    ledger: &Ledger,
    by: By,
    (called, value): (&str, &str),
) -> Result<Option<String>, Failure> {
    let query = UsageQuery {
        since: DateTime::<Utc>::UNIX_EPOCH,
        until: session.now,
        by,
        timezone: session.zone,
    };
    let usage = report::usage(ledger, &query)?;
    let known = usage.rows.iter().filter_map(|row| row.key.as_deref());
    Ok(meant(value, known).map(|meant| {
        format!(
            "No call so far has the {called} '{value}', but some have '{meant}': is that meant?"
        )
    }))
}

fn settings(session: &Session) -> Result<Settings, Failure> {
    proxy::settings(session, session.config.listen, String::new())
}

fn not_among<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> Option<String> {
    let (distance, known) = nearest(name, known)?;
    let meant = if distance * 2 <= known.len() {
        format!("did you mean '{known}'?")
    } else {
        format!("add it under [providers.{name}] in outlay.toml")
    };
    Some(format!("There is no provider '{name}', so this counts nothing: {meant}"))
}

/// The known name that is meant, where this one is not known and differs in a letter or two.
fn meant<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let (distance, known) = nearest(name, known)?;
    (distance <= 2 && distance * 3 <= known.len()).then_some(known)
}

/// The known name that is most like this one, and how many letters differ; `None` where this one is known.
fn nearest<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> Option<(usize, &'k str)> {
    let nearest = known.map(|known| (strsim::damerau_levenshtein(name, known), known)).min();
    nearest.filter(|(distance, _)| *distance > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_or_two_is_a_slip_and_more_is_a_name_of_its_own() {
        for (name, expected) in [
            ("openai", None),
            ("opnai", Some("openai")),
            ("opneai", Some("openai")),
            ("cluade-code", Some("claude-code")),
            ("work", None),
            ("pi", None),
            ("somebody-else", None),
        ] {
            let known = ["anthropic", "claude-code", "openai", "xai"];
            assert_eq!(meant(name, known.into_iter()), expected, "{name}");
        }
    }

    #[test]
    fn a_variable_with_a_slip_is_told() {
        let names = [
            "OUTLAY_UPSTREAM_OPENAI",
            "OUTLAY_UPSTREAM_WORK",
            "OUTLAY_UPSTREAM_OPENAI2",
            "OUTLAY_UPSTREAM_OPNEAI",
            "PATH",
        ];
        let told = upstream_variables(names.into_iter().map(str::to_owned));
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].starts_with("OUTLAY_UPSTREAM_OPNEAI makes a provider 'opneai'"),
            "{told:?}"
        );
        assert!(told[0].ends_with("did you mean OUTLAY_UPSTREAM_OPENAI?"), "{told:?}");
    }

    #[test]
    fn a_provider_that_nobody_knows_is_told_with_the_nearest() {
        for (name, expected) in [
            ("openai", None),
            ("opnai", Some("did you mean 'openai'?")),
            ("somebody-else", Some("[providers.somebody-else]")),
        ] {
            let note = not_among(name, ["anthropic", "openai"].into_iter());
            assert_eq!(note.is_some(), expected.is_some(), "{name}");
            assert!(note.unwrap_or_default().contains(expected.unwrap_or_default()), "{name}");
        }
    }
}
