//! Questions to whoever sits at the terminal.

use std::io::{BufRead, IsTerminal};

use crate::failure::Failure;
use crate::output::Out;

/// Whether somebody can be asked.
pub(crate) fn can_be_asked() -> bool {
    std::io::stdin().is_terminal()
}

/// Asks a question that an empty answer says `usual` to.
pub(crate) fn ask(question: &str, usual: bool, out: &mut Out) -> Result<bool, Failure> {
    let choice = if usual { "[Y/n]" } else { "[y/N]" };
    write!(out.writer(), "{question} {choice} ")?;
    out.flush()?;
    let mut answer = String::new();
    // At the end of the input nobody has said yes.
    if std::io::stdin().lock().read_line(&mut answer)? == 0 {
        out.line("")?;
        return Ok(false);
    }
    Ok(is_yes(&answer, usual))
}

fn is_yes(answer: &str, usual: bool) -> bool {
    match answer.trim().to_lowercase().as_str() {
        "" => usual,
        answer => matches!(answer, "y" | "yes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_a_yes() {
        for (answer, usual, expected) in [
            ("\n", true, true),
            ("\n", false, false),
            ("y\n", false, true),
            (" YES \n", false, true),
            ("n\n", true, false),
            ("what?\n", true, false),
        ] {
            assert_eq!(is_yes(answer, usual), expected, "{answer:?}");
        }
    }
}
