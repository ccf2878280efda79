//! A chart of days in text: columns of blocks, the dearest day as high as the chart.

use chrono::NaiveDate;
use outlay_core::money::Money;

const ROWS: u32 = 6;
const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Columns of a day: the block and a space.
const WIDTH: usize = 2;

/// The chart's lines, for days in their order; none where nothing was spent.
pub(crate) fn days(days: &[(NaiveDate, Money)]) -> Vec<String> {
    let most = days.iter().map(|(_, cost)| *cost).max().unwrap_or(Money::ZERO);
    if most <= Money::ZERO {
        return Vec::new();
    }
    let top = format!("${}", most.at_a_glance());
    let margin = top.chars().count();
    let heights: Vec<u32> = days.iter().map(|(_, cost)| height(*cost, most)).collect();
    let mut lines: Vec<String> = (0..ROWS)
        .rev()
        .map(|row| {
            let label = match row {
                0 => "$0",
                _ if row == ROWS - 1 => top.as_str(),
                _ => "",
            };
            let blocks: String = heights
                .iter()
                .flat_map(|height| [block(height.saturating_sub(row * 8)), ' '])
                .collect();
            format!("{label:>margin$} {}", blocks.trim_end())
        })
        .collect();
    lines.push(format!("{:margin$} {}", "", dates(days)));
    lines.into_iter().map(|line| line.trim_end().to_owned()).collect()
}

/// In eighths of a row; a sliver for anything above nothing.
fn height(cost: Money, most: Money) -> u32 {
    let eighths = i128::from(cost.picodollars().max(0)) * i128::from(ROWS * 8)
        / i128::from(most.picodollars());
    let eighths = u32::try_from(eighths).unwrap_or(ROWS * 8);
    if cost > Money::ZERO { eighths.max(1) } else { 0 }
}

fn block(eighths: u32) -> char {
    BLOCKS[eighths.min(8) as usize]
}

/// Under the first day, every seventh after it: as many as do not touch.
fn dates(days: &[(NaiveDate, Money)]) -> String {
    let mut line = String::new();
    for (index, (day, _)) in days.iter().enumerate().filter(|(index, _)| index % 7 == 0) {
        let name = day.format("%-d %b").to_string();
        let place = index * WIDTH;
        if line.chars().count() <= place {
            line.push_str(&" ".repeat(place - line.chars().count()));
            line.push_str(&name);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dearest_day_is_the_highest() {
        let day = |day: u32, cost: &str| {
            (NaiveDate::from_ymd_opt(2026, 11, day).unwrap(), cost.parse().unwrap())
        };
        let costs = ["0", "1", "12", "0.0001", "6", "3", "0", "0", "9"];
        let shown: Vec<_> = (1..).zip(costs).map(|(date, cost)| day(date, cost)).collect();
        insta::assert_snapshot!(days(&shown).join("\n"));
        assert_eq!(days(&[day(1, "0")]), Vec::<String>::new());
    }
}
