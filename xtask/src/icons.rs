//! `cargo xtask icons`: every picture of the app and the tray, drawn from the SVGs beside them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::process::{root, succeed, tauri};

/// What the app and its packages want of `tauri icon`.
const APP: [&str; 6] =
    ["32x32.png", "128x128.png", "128x128@2x.png", "icon.png", "icon.icns", "icon.ico"];

/// A picture of the tray for each state that `src-tauri/src/standing.rs` knows.
const TRAY: [&str; 5] = ["fine", "warned", "waiting", "refusing", "down"];
const TRAY_PIXELS: &str = "64";

/// The hashes of sources and pictures as they were when drawn, as `sha256sum` writes them. A picture whose
/// source was changed after it is found by a test.
const DRAWN: &str = "drawn.sha256";

/// Draws them all, unless each is what its source says: no two drawings of an `.icns` are the same.
///
/// # Errors
/// When Node is missing, or a source cannot be drawn.
pub(crate) fn draw() -> Result<()> {
    let icons = folder();
    if hashes(&icons)
        .is_ok_and(|now| fs::read_to_string(icons.join(DRAWN)).is_ok_and(|then| then == now))
    {
        return Ok(());
    }
    let drawn = tempfile::tempdir().context("no temporary folder could be made")?;
    let (app, tray) = (drawn.path().join("app"), drawn.path().join("tray"));
    let mut draw = tauri(["icon"]);
    succeed(draw.arg(icons.join("source/app.svg")).arg("--output").arg(&app))?;
    for name in APP {
        copy(&app.join(name), &icons.join(name))?;
    }
    for state in TRAY {
        let mut draw = tauri(["icon"]);
        draw.arg(icons.join(format!("source/tray-{state}.svg"))).args(["--png", TRAY_PIXELS]);
        succeed(draw.arg("--output").arg(&tray))?;
        let square = format!("{TRAY_PIXELS}x{TRAY_PIXELS}.png");
        copy(&tray.join(square), &icons.join(format!("tray-{state}.png")))?;
    }
    fs::write(icons.join(DRAWN), hashes(&icons)?).context("the list of icons cannot be written")
}

fn folder() -> PathBuf {
    root().join("src-tauri/icons")
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).with_context(|| format!("{} was not drawn", to.display()))?;
    Ok(())
}

/// A line for each source and each picture, in order.
fn hashes(icons: &Path) -> Result<String> {
    let sources = std::iter::once("source/app.svg".to_owned())
        .chain(TRAY.map(|state| format!("source/tray-{state}.svg")));
    let pictures =
        APP.map(String::from).into_iter().chain(TRAY.map(|state| format!("tray-{state}.png")));
    let mut lines = String::new();
    for name in sources.chain(pictures) {
        let bytes = fs::read(icons.join(&name)).with_context(|| format!("{name} is missing"))?;
        let hash = Sha256::digest(&bytes);
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        lines += &format!("{hash}  {name}\n");
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pictures_were_drawn_from_these_sources() {
        let drawn = fs::read_to_string(folder().join(DRAWN)).unwrap();
        let advice =
            "an icon's source was changed: run `cargo xtask icons` and commit what it draws";
        assert_eq!(hashes(&folder()).unwrap(), drawn, "{advice}");
    }

    #[test]
    fn no_source_is_left_out() {
        let sources = fs::read_dir(folder().join("source")).unwrap().count();
        assert_eq!(sources, 1 + TRAY.len());
    }
}
