//! What the reader's end is like, and what colours mean there.

use std::fmt::Display;
use std::io::IsTerminal;

use anstyle::{AnsiColor, Style};

/// What the reader's end is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    /// Boxes, and lines no longer than the screen.
    pub(crate) is_terminal: bool,
    /// Colours.
    pub(crate) has_color: bool,
    /// Columns of the terminal; `None` where there is no end to a line.
    pub(crate) width: Option<u16>,
}

/// What a colour means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Warning,
    Bad,
    Quiet,
    Strong,
}

impl Look {
    /// A pipe or a file.
    #[cfg(test)]
    pub(crate) const PIPE: Look = Look { is_terminal: false, has_color: false, width: None };

    /// A terminal without colours.
    #[cfg(test)]
    pub(crate) const fn terminal(width: u16) -> Look {
        Look { is_terminal: true, has_color: false, width: Some(width) }
    }

    /// Of standard output.
    pub(crate) fn of_stdout() -> Look {
        let is_terminal = std::io::stdout().is_terminal();
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let width = comfy_table::Table::new().width().filter(|_| is_terminal);
        Look { is_terminal, has_color: is_terminal && !is_dumb && !is_set("NO_COLOR"), width }
    }

    /// The text in the colour of its tone, where there are colours.
    pub(crate) fn paint(self, tone: Tone, text: impl Display) -> String {
        if !self.has_color {
            return text.to_string();
        }
        let style = match tone {
            Tone::Good => AnsiColor::Green.on_default(),
            Tone::Warning => AnsiColor::Yellow.on_default(),
            Tone::Bad => AnsiColor::Red.on_default().bold(),
            Tone::Quiet => Style::new().dimmed(),
            Tone::Strong => Style::new().bold(),
        };
        format!("{style}{text}{style:#}")
    }
}
