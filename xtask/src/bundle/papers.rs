//! Manual pages, completions and the list of changes, where Linux systems look for them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use flate2::{Compression, GzBuilder};

use crate::process::{answer, root};

/// Where zsh looks differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Debian,
    Fedora,
}

const ZSH: &str = "/usr/share/zsh/vendor-completions/_outlay";

/// Of each shell: its name for the command, and where the script goes.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "/usr/share/bash-completion/completions/outlay"),
    ("zsh", ZSH),
    ("fish", "/usr/share/fish/vendor_completions.d/outlay.fish"),
];

/// Has the command write them into the folder: where each is installed on Debian, and where it is now.
///
/// # Errors
/// When the command fails or a file cannot be written.
pub(super) fn write(cli: &Path, folder: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let mut papers = BTreeMap::new();
    let pages = folder.join("pages");
    answer(Command::new(cli).arg("manual").arg(&pages))?;
    for entry in fs::read_dir(&pages).context("the manual pages cannot be read")? {
        let page = entry?.path();
        let name = page.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let packed = compressed(&page, &folder.join(format!("{name}.gz")))?;
        papers.insert(format!("/usr/share/man/man1/{name}.gz"), packed);
    }
    for (shell, place) in COMPLETIONS {
        let script = folder.join(format!("completions.{shell}"));
        let text = answer(Command::new(cli).args(["completions", shell]))?;
        fs::write(&script, text).with_context(|| format!("{} failed", script.display()))?;
        papers.insert(place.to_owned(), script);
    }
    let changes = compressed(&root().join("CHANGELOG.md"), &folder.join("changelog.gz"))?;
    papers.insert("/usr/share/doc/outlay/changelog.gz".to_owned(), changes);
    Ok(papers)
}

/// The same, where the family of systems has them.
pub(super) fn installed(
    papers: &BTreeMap<String, PathBuf>,
    family: Family,
) -> BTreeMap<&str, &Path> {
    let place = |place| match (family, place) {
        (Family::Fedora, ZSH) => "/usr/share/zsh/site-functions/_outlay",
        (_, place) => place,
    };
    papers.iter().map(|(at, paper)| (place(at.as_str()), paper.as_path())).collect()
}

/// Packed without a name or a time in it, so that the same text gives the same file.
fn compressed(from: &Path, to: &Path) -> Result<PathBuf> {
    let text = fs::read(from).with_context(|| format!("{} cannot be read", from.display()))?;
    let file = fs::File::create(to).with_context(|| format!("{} cannot be made", to.display()))?;
    let mut packed = GzBuilder::new().mtime(0).write(file, Compression::best());
    std::io::Write::write_all(&mut packed, &text)
        .and_then(|()| packed.finish())
        .with_context(|| format!("{} cannot be written", to.display()))?;
    Ok(to.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_zsh_looks_elsewhere() {
        let papers: BTreeMap<String, PathBuf> =
            COMPLETIONS.map(|(shell, place)| (place.to_owned(), shell.into())).into();
        let of = |family| installed(&papers, family).into_keys().collect::<Vec<_>>();
        let [debian, fedora] = [of(Family::Debian), of(Family::Fedora)];
        assert!(debian.contains(&ZSH) && !fedora.contains(&ZSH), "{fedora:?}");
        assert!(fedora.contains(&"/usr/share/zsh/site-functions/_outlay"), "{fedora:?}");
        assert_eq!((debian.len(), fedora.len()), (3, 3));
    }
}
