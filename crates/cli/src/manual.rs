//! The manual pages, one a command, made from the commands' own definition.

use std::fs;
use std::io;
use std::path::Path;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

/// What no definition of a command tells, for the first page only.
const EXIT_STATUS: [(&str, &str); 4] = [
    ("0", "It was done; for check and wait: it may be spent."),
    ("1", "It failed; one sentence on standard error says why and what to do."),
    ("2", "It was used wrongly."),
    ("3", "check: it would be refused. wait: the time is up."),
];

/// An apostrophe that is not made a quotation mark, for which roffs differ.
const APOSTROPHE: [&str; 2] = [r".ie \n(.g .ds Aq \(aq", r".el .ds Aq '"];

/// Writes `outlay.1`, `outlay-budget.1`, `outlay-budget-set.1` and so on into the folder, made where it is
/// missing; how many.
///
/// # Errors
/// When a file cannot be written.
pub(crate) fn write(command: Command, folder: &Path) -> io::Result<usize> {
    fs::create_dir_all(folder)?;
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let version = format!("outlay {}", command.get_version().unwrap_or_default());
    let pages = pages(&command, None, &version);
    for (name, text) in &pages {
        fs::write(folder.join(format!("{name}.1")), text)?;
    }
    Ok(pages.len())
}

/// The name and text of the command's page, then those of the commands below it.
fn pages(command: &Command, above: Option<&str>, version: &str) -> Vec<(String, Vec<u8>)> {
    let name = name_of(command).to_owned();
    let shown = command.get_subcommands().filter(|one| !one.is_hide_set());
    let below: Vec<_> = shown.flat_map(|one| pages(one, Some(&name), version)).collect();
    let mut all = vec![(name, page(command, above, version))];
    all.extend(below);
    all
}

fn name_of(command: &Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

fn page(command: &Command, above: Option<&str>, version: &str) -> Vec<u8> {
    let man = Man::new(command.clone());
    let mut sections = Vec::new();
    // A vector takes whatever is written.
    let _ = man.render_name_section(&mut sections);
    let _ = man.render_synopsis_section(&mut sections);
    let _ = man.render_description_section(&mut sections);
    if command.get_arguments().any(|one| !one.is_hide_set()) {
        let _ = man.render_options_section(&mut sections);
    }
    if command.get_subcommands().any(|one| !one.is_hide_set()) {
        let _ = man.render_subcommands_section(&mut sections);
    }
    let _ = examples(command).to_writer(&mut sections);
    let _ = see_also(command, above).to_writer(&mut sections);
    // Each section defines an apostrophe anew.
    let sections = String::from_utf8_lossy(&sections);
    let sections = sections.lines().filter(|line| !APOSTROPHE.contains(line));
    // No date: it would be that of the build, and no two builds would be the same.
    let title = format!(".TH {} 1 \"\" \"{version}\" Outlay", name_of(command));
    let lines = APOSTROPHE.into_iter().chain([title.as_str()]).chain(sections);
    lines.flat_map(|line| [line, "\n"]).collect::<String>().into_bytes()
}

/// The examples as they are laid out in the help: a line each, unfilled.
fn examples(command: &Command) -> Roff {
    let mut section = Roff::new();
    let Some(help) = command.get_after_help() else { return section };
    section.control("SH", ["EXAMPLES"]).control("nf", []);
    for line in help.to_string().lines().filter(|line| !line.starts_with("Example")) {
        section.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
    }
    section.control("fi", []);
    section
}

/// What is above, or, for the first page, what scripts and people look for besides commands.
fn see_also(command: &Command, above: Option<&str>) -> Roff {
    let mut section = Roff::new();
    if let Some(above) = above {
        section.control("SH", ["SEE ALSO"]).text([bold(above), roman("(1)")]);
        return section;
    }
    section.control("SH", ["EXIT STATUS"]);
    for (code, meaning) in EXIT_STATUS {
        section.control("TP", []).text([bold(code)]).text([roman(meaning)]);
    }
    section.control("SH", ["SEE ALSO"]);
    section
        .text([bold(name_of(command)), roman(" doctor looks for what is wrong on this machine.")]);
    section
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Every command that help shows, as its page is called.
    fn shown(command: &Command, prefix: &str) -> BTreeSet<String> {
        let name = format!("{prefix}{}", command.get_name());
        let below = command
            .get_subcommands()
            .filter(|one| !one.is_hide_set() && one.get_name() != "help")
            .flat_map(|one| shown(one, &format!("{name}-")));
        let all = below.collect::<Vec<_>>();
        std::iter::once(name).chain(all).collect()
    }

    #[test]
    fn every_command_has_a_page_and_nothing_else_has() {
        let folder = tempfile::tempdir().unwrap();
        let command = crate::definition();
        let expected = shown(&command, "");
        let count = write(command, &folder.path().join("new/man1")).unwrap();
        let written: BTreeSet<String> = fs::read_dir(folder.path().join("new/man1"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(written, expected.iter().map(|name| format!("{name}.1")).collect());
        assert_eq!(count, expected.len());
        for name in ["outlay", "outlay-budget-set", "outlay-statusline"] {
            assert!(expected.contains(name), "{name}: {expected:?}");
        }
    }

    #[test]
    fn a_page_says_what_the_help_says() {
        let folder = tempfile::tempdir().unwrap();
        write(crate::definition(), folder.path()).unwrap();
        let page = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        let set = page("outlay-budget-set.1");
        for part in [
            ".TH outlay-budget-set 1 \"\" \"outlay 0.",
            "\\fBoutlay budget set\\fR",
            "\\-\\-week\\-start",
            ".SH EXAMPLES\n.nf\n",
            "\\fBoutlay\\-budget\\fR(1)",
        ] {
            assert!(set.contains(part), "{part} is not in {set}");
        }
        assert!(!set.contains(".SH EXTRA") && !set.contains("Example"), "{set}");
        let first = page("outlay.1");
        assert!(first.contains(".SH \"EXIT STATUS\""), "{first}");
        assert!(first.contains("outlay\\-budget(1)"), "{first}");
        assert!(first.contains("\\fBOUTLAY_DATA_DIR\\fR"), "{first}");
        assert_eq!(first.matches(".ds Aq").count(), 2, "{first}");
    }
}
