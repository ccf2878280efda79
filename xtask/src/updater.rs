//! What a package with the updater inside is told: `docs/decisions/0022` says why none is by default.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Map, Value, json};

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

/// What `cargo xtask manifest` can be told.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The folder with the packages and their signatures
    folder: PathBuf,
    /// Where they will be downloaded from
    #[arg(long)]
    url: String,
}

/// Writes `latest.json`, which the updater reads, beside the packages.
///
/// # Errors
/// When no package is signed, or a file cannot be read or written.
pub(crate) fn manifest(options: &Options) -> Result<()> {
    let mut signed = Vec::new();
    let folder = &options.folder;
    let entries =
        fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if let Some(package) = name.strip_suffix(".sig") {
            signed.push((package.to_owned(), signature(&path)?));
        }
    }
    let platforms = platforms(&signed, options.url.trim_end_matches('/'));
    if platforms.is_empty() {
        bail!("there is no signed package in {}", folder.display());
    }
    let manifest = json!({ "version": env!("CARGO_PKG_VERSION"), "platforms": platforms });
    let file = folder.join("latest.json");
    fs::write(&file, format!("{manifest:#}\n"))
        .with_context(|| format!("{} cannot be written", file.display()))
}

fn signature(file: &Path) -> Result<String> {
    let text =
        fs::read_to_string(file).with_context(|| format!("{} is no text", file.display()))?;
    Ok(text.trim().to_owned())
}

/// Each signed package by the name under which an installed app looks for it.
fn platforms(signed: &[(String, String)], url: &str) -> Map<String, Value> {
    let known = signed.iter().filter_map(|(package, signature)| {
        let entry = json!({ "signature": signature, "url": format!("{url}/{package}") });
        Some((platform(package)?, entry))
    });
    known.collect()
}

/// `None` for a package that no updater installs.
fn platform(package: &str) -> Option<String> {
    let (system, kind) = [
        (".AppImage", ("linux", "appimage")),
        (".deb", ("linux", "deb")),
        (".rpm", ("linux", "rpm")),
        (".app.tar.gz", ("darwin", "app")),
        ("-setup.exe", ("windows", "nsis")),
        (".msi", ("windows", "msi")),
    ]
    .into_iter()
    .find_map(|(end, platform)| package.ends_with(end).then_some(platform))?;
    let is_arm = package.contains("arm64") || package.contains("aarch64");
    let processor = if is_arm { "aarch64" } else { "x86_64" };
    Some(format!("{system}-{processor}-{kind}"))
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
    fn each_package_is_found_by_those_who_have_its_kind() {
        for (package, expected) in [
            ("Outlay_0.1.0_amd64.AppImage", Some("linux-x86_64-appimage")),
            ("Outlay_0.1.0_aarch64.AppImage", Some("linux-aarch64-appimage")),
            ("Outlay_0.1.0_arm64.deb", Some("linux-aarch64-deb")),
            ("Outlay-0.1.0-1.x86_64.rpm", Some("linux-x86_64-rpm")),
            ("Outlay_arm64.app.tar.gz", Some("darwin-aarch64-app")),
            ("Outlay_x86_64.app.tar.gz", Some("darwin-x86_64-app")),
            ("Outlay_0.1.0_x64-setup.exe", Some("windows-x86_64-nsis")),
            ("Outlay_0.1.0_x64_en-US.msi", Some("windows-x86_64-msi")),
            ("Outlay_0.1.0_x64.dmg", None),
        ] {
            assert_eq!(platform(package).as_deref(), expected, "{package}");
        }
    }

    #[test]
    fn a_manifest_names_what_is_signed() {
        let folder = tempfile::tempdir().unwrap();
        let options = |url: &str| Options { folder: folder.path().into(), url: url.to_owned() };
        assert!(manifest(&options("https://x")).is_err());
        fs::write(folder.path().join("Outlay_1_amd64.deb"), "").unwrap();
        fs::write(folder.path().join("Outlay_1_amd64.deb.sig"), "SIGNED\n").unwrap();
        manifest(&options("https://x/v1/")).unwrap();
        let text = fs::read_to_string(folder.path().join("latest.json")).unwrap();
        let manifest: Value = serde_json::from_str(&text).unwrap();
        let entry = json!({ "signature": "SIGNED", "url": "https://x/v1/Outlay_1_amd64.deb" });
        assert_eq!(manifest["platforms"], json!({ "linux-x86_64-deb": entry }));
        assert_eq!(manifest["version"], env!("CARGO_PKG_VERSION"));
    }

    #[test]
    fn what_is_told_is_what_was_set() {
        let config = of("KEY\n", "https://example.com/latest.json ");
        assert_eq!(config["plugins"]["updater"]["pubkey"], "KEY");
        let endpoints = &config["plugins"]["updater"]["endpoints"];
        assert_eq!(*endpoints, json!(["https://example.com/latest.json"]));
        assert_eq!(config["bundle"]["createUpdaterArtifacts"], true);
    }
}
