//! Questions to whoever sits at the terminal.

use std::io::{BufRead, IsTerminal};

use crate::failure::Failure;
use crate::output::Out;

/// Whether somebody can be asked.
pub(crate) fn can_be_asked() -> bool {
    std::io::stdin().is_terminal()
}

/// Asks a question that an empty answer says `usual` to, until it is answered.
///
/// # Errors
/// At the end of the input: nobody answers any more.
pub(crate) fn ask(question: &str, usual: bool, out: &mut Out) -> Result<bool, Failure> {
    let choice = if usual { "[Y/n]" } else { "[y/N]" };
    loop {
        write!(out.writer(), "{question} {choice} ")?;
        out.flush()?;
        let mut answer = String::new();
        if std::io::stdin().lock().read_line(&mut answer)? == 0 {
            out.line("")?;
            return Err(Failure::failed(
                "nobody answers any more: stopped here; what was done stays",
            ));
        }
        match is_yes(&answer, usual) {
            Some(is_yes) => return Ok(is_yes),
            None => out.line("Please answer y or n.")?,
        }
    }
}

fn is_yes(answer: &str, usual: bool) -> Option<bool> {
    match answer.trim().to_lowercase().as_str() {
        "" => Some(usual),
        "y" | "yes" => Some(true),
        "n" | "no" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_yes_or_no() {
        for (answer, usual, expected) in [
            ("\n", true, Some(true)),
            ("\n", false, Some(false)),
            ("y\n", false, Some(true)),
            (" YES \n", false, Some(true)),
            ("n\n", true, Some(false)),
            ("what?\n", true, None),
        ] {
            assert_eq!(is_yes(answer, usual), expected, "{answer:?}");
        }
    }
}
