//! What a package with the updater inside is told: `docs/decisions/0022` says why none is by default.

use anyhow::{Result, bail};
use serde_json::{Value, json};

/// The feature of `outlay-desktop` that compiles it in.
pub(crate) const FEATURE: &str = "updater";

const PUBLIC_KEY: &str = "OUTLAY_UPDATER_PUBLIC_KEY";
const ENDPOINT: &str = "OUTLAY_UPDATER_ENDPOINT";
/// Read by the Tauri CLI itself, which signs with it.
const PRIVATE_KEY: &str = "TAURI_SIGNING_PRIVATE_KEY";

/// The configuration from the environment.
///
/// # Errors
/// Names what is not set: a package that asks nobody, or believes nobody, is no use.
pub(crate) fn config() -> Result<Value> {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    let (Some(key), Some(endpoint), Some(_)) = (set(PUBLIC_KEY), set(ENDPOINT), set(PRIVATE_KEY))
    else {
        bail!(
            "packages with an updater need {PUBLIC_KEY}, {ENDPOINT} and {PRIVATE_KEY}: \
             docs/releasing.md says how to make them"
        );
    };
    Ok(of(&key, &endpoint))
}

fn of(key: &str, endpoint: &str) -> Value {
    json!({
        "bundle": { "createUpdaterArtifacts": true },
        "plugins": { "updater": { "pubkey": key.trim(), "endpoints": [endpoint.trim()] } },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_what_was_set() {
        let config = of("KEY\n", "https://example.com/latest.json ");
        assert_eq!(config["plugins"]["updater"]["pubkey"], "KEY");
        let endpoints = &config["plugins"]["updater"]["endpoints"];
        assert_eq!(*endpoints, json!(["https://example.com/latest.json"]));
        assert_eq!(config["bundle"]["createUpdaterArtifacts"], true);
    }
}
