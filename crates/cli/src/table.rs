//! Tables: in a box on a terminal, in plain columns through a pipe.

use comfy_table::presets::{NOTHING, UTF8_FULL_CONDENSED};
use comfy_table::{Attribute, CellAlignment, Color, ContentArrangement};
use outlay_core::money::Money;

use crate::look::{Look, Tone};

const BAR_CELLS: u32 = 20;

/// Rows under headings.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
    expendable: &'static [&'static str],
}

/// One column's heading and side.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Column {
    /// Words.
    Text(&'static str),
    /// Whole numbers.
    Number(&'static str),
    /// Money and other decimals: their points stand under each other.
    Decimal(&'static str),
}

/// One cell.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    text: String,
    tone: Option<Tone>,
}

impl Table {
    pub(crate) fn new(columns: &[Column]) -> Table {
        Table { columns: columns.to_vec(), rows: Vec::new(), expendable: &[] }
    }

    /// The headings of the columns to leave out, in this order, on a terminal that is too narrow.
    pub(crate) fn expendable(mut self, headings: &'static [&'static str]) -> Table {
        self.expendable = headings;
        self
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as it is printed, each line ended; empty without rows.
    pub(crate) fn render(&self, look: Look) -> String {
        if self.is_empty() {
            return String::new();
        }
        let rows = self.aligned_rows();
        let shown = match look.width {
            Some(width) => self.columns_within(&rows, usize::from(width)),
            None => (0..self.columns.len()).collect(),
        };
        let mut table = comfy_table::Table::new();
        let preset = if look.is_terminal { UTF8_FULL_CONDENSED } else { NOTHING };
        table.load_style(preset).set_header(shown.iter().map(|index| {
            let cell = comfy_table::Cell::new(self.columns[*index].heading());
            if look.has_color { cell.add_attribute(Attribute::Bold) } else { cell }
        }));
        if look.has_color {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        if let Some(width) = look.width {
            table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        }
        for row in rows {
            let cells = row.into_iter().enumerate().filter(|(index, _)| shown.contains(index));
            table.add_row(cells.map(|(_, cell)| cell.styled(look)).collect::<Vec<_>>());
        }
        for (place, index) in shown.iter().enumerate() {
            let Some(column) = table.column_mut(place) else { continue };
            if !matches!(self.columns[*index], Column::Text(_)) {
                column.set_cell_alignment(CellAlignment::Right);
            }
            if !look.is_terminal {
                column.set_padding((0, 2));
            }
        }
        table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
    }

    /// The columns that fit, the expendable ones given up in their order.
    fn columns_within(&self, rows: &[Vec<Cell>], width: usize) -> Vec<usize> {
        // A border and a space on each side of the text.
        const FRAME: usize = 3;
        let length = |text: &str| text.chars().count();
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|index| {
                let cells = rows.iter().filter_map(|row| Some(length(&row.get(index)?.text)));
                cells.chain([length(self.columns[index].heading())]).max().unwrap_or(0)
            })
            .collect();
        let mut shown: Vec<usize> = (0..self.columns.len()).collect();
        for heading in self.expendable {
            let needed: usize = shown.iter().map(|index| widths[*index] + FRAME).sum();
            if needed < width {
                break;
            }
            shown.retain(|index| self.columns[*index].heading() != *heading);
        }
        shown
    }

    fn aligned_rows(&self) -> Vec<Vec<Cell>> {
        let mut rows = self.rows.clone();
        for (index, column) in self.columns.iter().enumerate() {
            if !matches!(column, Column::Decimal(_)) {
                continue;
            }
            let decimals = |cell: &Cell| {
                cell.text.split_once('.').map_or(0, |(_, decimals)| 1 + decimals.chars().count())
            };
            let widest = rows.iter().filter_map(|row| row.get(index)).map(decimals).max();
            for cell in rows.iter_mut().filter_map(|row| row.get_mut(index)) {
                // Not under "200 tokens": its unit would be torn off the figures' edge.
                if cell.text.ends_with(|last: char| last.is_ascii_digit()) {
                    let missing = widest.unwrap_or(0) - decimals(cell);
                    cell.text.push_str(&" ".repeat(missing));
                }
            }
        }
        rows
    }
}

impl Column {
    fn heading(self) -> &'static str {
        match self {
            Column::Text(heading) | Column::Number(heading) | Column::Decimal(heading) => heading,
        }
    }
}

impl Cell {
    #[expect(clippy::needless_pass_by_value, reason = "cells are made of figures at hand")]
    pub(crate) fn new(text: impl ToString) -> Cell {
        Cell { text: text.to_string(), tone: None }
    }

    #[expect(clippy::needless_pass_by_value, reason = "cells are made of figures at hand")]
    pub(crate) fn toned(text: impl ToString, tone: Tone) -> Cell {
        Cell { text: text.to_string(), tone: Some(tone) }
    }

    /// The text, or nothing where it is unknown.
    pub(crate) fn known(text: Option<impl ToString>) -> Cell {
        Cell::new(text.map(|text| text.to_string()).unwrap_or_default())
    }

    fn styled(self, look: Look) -> comfy_table::Cell {
        let cell = comfy_table::Cell::new(self.text);
        if !look.has_color {
            return cell;
        }
        match self.tone {
            None => cell,
            Some(Tone::Good) => cell.fg(Color::Green),
            Some(Tone::Warning) => cell.fg(Color::Yellow),
            Some(Tone::Bad) => cell.fg(Color::Red).add_attribute(Attribute::Bold),
            Some(Tone::Quiet) => cell.add_attribute(Attribute::Dim),
            Some(Tone::Strong) => cell.add_attribute(Attribute::Bold),
        }
    }
}

/// Money as in a sentence: `$4.98`, `-$2.50`.
pub(crate) fn dollars(money: Money) -> String {
    let text = money.to_string();
    text.strip_prefix('-').map_or_else(|| format!("${text}"), |rest| format!("-${rest}"))
}

/// A bar as long as `part` of `whole`; at least a sliver for anything above nothing.
pub(crate) fn bar(part: i64, whole: i64) -> String {
    let eighths_max = i128::from(BAR_CELLS) * 8;
    let eighths = if whole <= 0 {
        0
    } else {
        (i128::from(part.max(0)) * eighths_max / i128::from(whole)).min(eighths_max)
    };
    let eighths = if part > 0 && whole > 0 { eighths.max(1) } else { eighths };
    let (full, rest) = ((eighths / 8) as usize, (eighths % 8) as usize);
    let tip = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][rest];
    format!("{}{tip}", "█".repeat(full))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_gets_plain_columns_and_a_terminal_a_box() {
        let mut table =
            Table::new(&[Column::Text("Name"), Column::Number("Calls"), Column::Decimal("Cost")]);
        table.row([Cell::new("a name that is long"), Cell::new(7), Cell::new("$0.0002")]);
        table.row([Cell::new("b"), Cell::new(1234), Cell::toned("$12.00", Tone::Bad)]);
        table.row([Cell::new("c"), Cell::new(""), Cell::new("")]);
        assert_eq!(
            table.render(Look::PIPE),
            "Name                 Calls      Cost\n\
             a name that is long      7   $0.0002\n\
             b                     1234  $12.00\n\
             c\n"
        );
        let boxed = table.render(Look::terminal(80));
        assert!(boxed.starts_with('┌') && !boxed.contains('\u{1b}'), "{boxed}");
        let colored = table.render(Look { has_color: true, ..Look::terminal(80) });
        assert!(colored.contains("\u{1b}["), "{colored}");
        assert_eq!(Table::new(&[Column::Text("Name")]).render(Look::PIPE), "");
    }

    #[test]
    fn a_narrow_terminal_gets_fewer_columns() {
        let columns = [Column::Text("Name"), Column::Text("Kind"), Column::Text("State")];
        let mut table = Table::new(&columns).expendable(&["Kind", "State"]);
        table.row([Cell::new("a long name"), Cell::new("hard"), Cell::new("ok")]);
        // 11 + 4 + 5 letters, and 3 each around them and 1 at the end.
        for (width, has_kind, has_state) in
            [(30, true, true), (29, false, true), (21, false, false)]
        {
            let shown = table.render(Look::terminal(width));
            assert_eq!((shown.contains("Kind"), shown.contains("State")), (has_kind, has_state));
            assert!(
                shown.lines().all(|line| line.chars().count() <= usize::from(width)),
                "{shown}"
            );
        }
    }

    #[test]
    fn debts_have_their_sign_in_front() {
        for (text, expected) in [("4.98", "$4.98"), ("-2.5", "-$2.50"), ("0", "$0.00")] {
            assert_eq!(dollars(text.parse().unwrap()), expected);
        }
    }

    #[test]
    fn bars_are_as_long_as_their_part() {
        for (part, whole, expected) in [
            (0, 100, String::new()),
            (1, 1_000_000, "▏".to_owned()),
            (50, 100, "█".repeat(10)),
            (100, 100, "█".repeat(20)),
            (250, 100, "█".repeat(20)),
            (5, 0, String::new()),
            (-5, 100, String::new()),
            (33, 160, format!("{}▏", "█".repeat(4))),
        ] {
            assert_eq!(bar(part, whole), expected, "{part} of {whole}");
        }
    }
}
