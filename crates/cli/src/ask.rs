//! Questions to whoever sits at the terminal.

use std::io::{BufRead, IsTerminal};

use outlay_core::money::Money;

use crate::failure::Failure;
use crate::output::Out;
use crate::table::dollars;

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
    let prompt = format!("{question} {choice}");
    answered(&prompt, "Please answer y or n.", |answer| is_yes(answer, usual), out)
}

/// Asks for an amount of dollars, until it is answered; an empty answer takes `usual`, and "n" none.
///
/// # Errors
/// As [`ask`].
pub(crate) fn ask_amount(
    question: &str,
    usual: Option<Money>,
    out: &mut Out,
) -> Result<Option<Money>, Failure> {
    let prompt = match usual {
        Some(usual) => format!("{question} [{}, another amount, or n]", dollars(usual)),
        None => format!("{question} [an amount, or N]"),
    };
    let hint = "Please answer with an amount of dollars such as 5, or n for none.";
    answered(&prompt, hint, |answer| amount(answer, usual), out)
}

/// The first answer that `read` understands.
fn answered<T>(
    prompt: &str,
    hint: &str,
    read: impl Fn(&str) -> Option<T>,
    out: &mut Out,
) -> Result<T, Failure> {
    loop {
        write!(out.writer(), "{prompt} ")?;
        out.flush()?;
        let mut answer = String::new();
        if std::io::stdin().lock().read_line(&mut answer)? == 0 {
            out.line("")?;
            return Err(Failure::failed(
                "nobody answers any more: stopped here; what was done stays",
            ));
        }
        match read(&answer) {
            Some(meant) => return Ok(meant),
            None => out.line(hint)?,
        }
    }
}

/// No amount is `Some(None)`; `None` is what cannot be read.
fn amount(answer: &str, usual: Option<Money>) -> Option<Option<Money>> {
    match is_yes(answer, usual.is_some()) {
        Some(false) => Some(None),
        // A yes to no amount names none.
        Some(true) => usual.map(Some),
        None => Money::typed(answer).ok().filter(|amount| *amount > Money::ZERO).map(Some),
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

    #[test]
    fn an_amount_is_taken_changed_or_declined() {
        let five = || Some("5".parse::<Money>().unwrap());
        for (answer, usual, expected) in [
            ("\n", five(), Some(five())),
            ("\n", None, Some(None)),
            ("y\n", five(), Some(five())),
            ("y\n", None, None),
            ("n\n", five(), Some(None)),
            ("7.50\n", five(), Some(Some("7.5".parse().unwrap()))),
            ("$7\n", None, Some(Some("7".parse().unwrap()))),
            ("0\n", five(), None),
            ("-3\n", five(), None),
            ("much\n", five(), None),
        ] {
            assert_eq!(amount(answer, usual), expected, "{answer:?} {usual:?}");
        }
    }
}
