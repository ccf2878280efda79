//! From samples to the table: percentiles, medians, ratios and marks.

use std::fmt::Write as _;

use anyhow::{Result, bail};
use serde::Serialize;

/// One value for each way to the provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct Ways<T> {
    /// Straight to it.
    pub direct: T,
    /// Through nginx, the baseline.
    pub nginx: T,
    /// Through Outlay.
    pub outlay: T,
}

impl<T> Ways<T> {
    /// The same of each.
    pub(super) fn map<U>(&self, of: impl Fn(&T) -> U) -> Ways<U> {
        Ways { direct: of(&self.direct), nginx: of(&self.nginx), outlay: of(&self.outlay) }
    }

    /// Measures each, one after another, beginning with another one each time.
    ///
    /// # Errors
    /// The first failure.
    pub(super) fn in_turn<U>(
        &self,
        turn: usize,
        mut of: impl FnMut(&T) -> Result<U>,
    ) -> Result<Ways<U>> {
        let ways = [&self.direct, &self.nginx, &self.outlay];
        let mut measured = [None, None, None];
        for step in 0..ways.len() {
            let at = (turn + step) % ways.len();
            measured[at] = Some(of(ways[at])?);
        }
        let [Some(direct), Some(nginx), Some(outlay)] = measured else {
            bail!("a way was left out");
        };
        Ok(Ways { direct, nginx, outlay })
    }
}

impl Ways<f64> {
    /// What nginx and Outlay add to the straight way.
    pub(super) fn added(&self) -> Ways<Option<f64>> {
        Ways {
            direct: Some(self.direct),
            nginx: Some(self.nginx - self.direct),
            outlay: Some(self.outlay - self.direct),
        }
    }
}

impl Ways<Option<f64>> {
    /// Outlay's figure over nginx's, where nginx's is more than noise.
    fn ratio(&self) -> Option<f64> {
        let (nginx, outlay) = self.nginx.zip(self.outlay)?;
        (nginx > 0.0).then(|| outlay / nginx)
    }
}

/// What a row must reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Mark {
    /// Outlay's figure over nginx's.
    RatioAtMost(f64),
    /// Outlay's figure over nginx's.
    RatioAtLeast(f64),
    /// Outlay's figure itself.
    AtMost(f64),
    /// Outlay's figure itself.
    AtLeast(f64),
    /// Shown for what it tells.
    None,
}

/// One line of the table.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    /// What was measured, with its unit.
    pub name: String,
    /// `None` where there is nothing to measure.
    pub values: Ways<Option<f64>>,
    /// Outlay's figure over nginx's in each round, where it was measured in rounds.
    pub ratios: Vec<f64>,
    pub mark: Mark,
}

/// A row as it is written to the JSON file.
#[derive(Debug, Serialize)]
pub(super) struct Written<'a> {
    name: &'a str,
    #[serde(flatten)]
    values: Ways<Option<f64>>,
    ratio: Option<f64>,
    ratios: &'a [f64],
    mark: Option<String>,
    met: Option<bool>,
}

impl Row {
    /// What was measured once, or is a median already.
    pub(super) fn new(name: impl Into<String>, values: Ways<Option<f64>>, mark: Mark) -> Row {
        Row { name: name.into(), values, ratios: Vec::new(), mark }
    }

    /// What was measured in rounds: the medians of its figures, and of its ratios.
    pub(super) fn of_rounds(name: String, rounds: &[Ways<Option<f64>>], mark: Mark) -> Row {
        let median_of = |way: fn(&Ways<Option<f64>>) -> Option<f64>| {
            rounds.iter().map(way).collect::<Option<Vec<_>>>().and_then(median)
        };
        let values = Ways {
            direct: median_of(|ways| ways.direct),
            nginx: median_of(|ways| ways.nginx),
            outlay: median_of(|ways| ways.outlay),
        };
        let ratios = rounds.iter().map(Ways::ratio).collect::<Option<_>>().unwrap_or_default();
        Row { name, values, ratios, mark }
    }

    /// Outlay's figure over nginx's: the median of the rounds', where there were any.
    pub(super) fn ratio(&self) -> Option<f64> {
        median(self.ratios.clone()).or_else(|| self.values.ratio())
    }

    /// Whether the mark was met; `None` without a mark or a figure.
    pub(super) fn met(&self) -> Option<bool> {
        match self.mark {
            Mark::RatioAtMost(most) => self.ratio().map(|ratio| ratio <= most),
            Mark::RatioAtLeast(least) => self.ratio().map(|ratio| ratio >= least),
            Mark::AtMost(most) => self.values.outlay.map(|value| value <= most),
            Mark::AtLeast(least) => self.values.outlay.map(|value| value >= least),
            Mark::None => None,
        }
    }

    /// The least and the greatest ratio of a round.
    fn spread(&self) -> Option<String> {
        let least = self.ratios.iter().copied().reduce(f64::min)?;
        let greatest = self.ratios.iter().copied().reduce(f64::max)?;
        Some(format!("{least:.2}..{greatest:.2}"))
    }

    /// The row for the JSON file.
    pub(super) fn written(&self) -> Written<'_> {
        Written {
            name: &self.name,
            values: self.values,
            ratio: self.ratio(),
            ratios: &self.ratios,
            mark: self.mark_text(),
            met: self.met(),
        }
    }

    fn mark_text(&self) -> Option<String> {
        match self.mark {
            Mark::RatioAtMost(most) => Some(format!("ratio <= {most}")),
            Mark::RatioAtLeast(least) => Some(format!("ratio >= {least}")),
            Mark::AtMost(most) => Some(format!("<= {most}")),
            Mark::AtLeast(least) => Some(format!(">= {least}")),
            Mark::None => None,
        }
    }
}

/// The rows in columns, figures to the right.
pub(super) fn table(rows: &[Row]) -> String {
    let heads = ["", "direct", "nginx", "outlay", "outlay/nginx", "of rounds", "mark", ""];
    let mut lines = vec![heads.map(str::to_owned)];
    lines.extend(rows.iter().map(|row| {
        [
            row.name.clone(),
            figure(row.values.direct),
            figure(row.values.nginx),
            figure(row.values.outlay),
            figure(row.ratio()),
            row.spread().unwrap_or_default(),
            row.mark_text().unwrap_or_default(),
            row.met().map_or("", |met| if met { "met" } else { "missed" }).to_owned(),
        ]
    }));
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
    let widths: [usize; 8] = std::array::from_fn(|column| width(column).unwrap_or(0));
    let mut text = String::new();
    for line in &lines {
        let mut written = format!("{:<1$}", line[0], widths[0]);
        for column in 1..6 {
            let _ = write!(written, "  {:>1$}", line[column], widths[column]);
        }
        let _ = write!(written, "  {:<1$}  {2}", line[6], widths[6], line[7]);
        text.push_str(written.trim_end());
        text.push('\n');
    }
    text
}

/// Three figures that matter.
fn figure(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(value) if value.abs() >= 100.0 => format!("{value:.0}"),
        Some(value) if value.abs() >= 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}

/// The smallest value that so many percent of the values do not exceed; 0 of none.
pub(super) fn percentile(values: &mut [u64], percent: usize) -> u64 {
    values.sort_unstable();
    let rank = (values.len() * percent).div_ceil(100);
    values.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}

/// The middle value, or the mean of the two in the middle; `None` of none.
pub(super) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    let odd = values.len() % 2 == 1;
    Some(if odd { upper } else { f64::midpoint(values[middle - 1], upper) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        for (values, percent, expected) in [
            (vec![], 50, 0),
            (vec![7], 50, 7),
            (vec![7], 99, 7),
            (vec![4, 1, 3, 2], 50, 2),
            (vec![5, 4, 1, 3, 2], 50, 3),
            ((1..=100).rev().collect(), 99, 99),
            ((1..=1000).collect(), 99, 990),
            ((1..=10).collect(), 99, 10),
        ] {
            assert_eq!(percentile(&mut values.clone(), percent), expected, "{percent}: {values:?}");
        }
    }

    #[test]
    fn medians_lie_in_the_middle() {
        for (values, expected) in [
            (vec![], None),
            (vec![3.0], Some(3.0)),
            (vec![9.0, -1.0, 3.0], Some(3.0)),
            (vec![4.0, 1.0], Some(2.5)),
        ] {
            assert_eq!(median(values.clone()), expected, "{values:?}");
        }
    }

    #[test]
    fn each_way_is_measured_and_another_begins() {
        let ways = Ways { direct: 1.0, nginx: 2.0, outlay: 4.0 };
        for (turn, expected) in [(0, [1.0, 2.0, 4.0]), (1, [2.0, 4.0, 1.0]), (5, [4.0, 1.0, 2.0])] {
            let mut order = Vec::new();
            let measured = ways.in_turn(turn, |&way| {
                order.push(way);
                Ok(way)
            });
            assert_eq!(measured.unwrap(), ways);
            assert_eq!(order, expected, "turn {turn}");
        }
        let added = Ways { direct: Some(1.0), nginx: Some(1.0), outlay: Some(3.0) };
        assert_eq!(ways.added(), added);
    }

    fn row(nginx: Option<f64>, outlay: Option<f64>, mark: Mark) -> Row {
        Row::new("row", Ways { direct: None, nginx, outlay }, mark)
    }

    #[test]
    fn marks_are_met_up_to_their_edge() {
        for (nginx, outlay, mark, expected) in [
            (Some(10.0), Some(30.0), Mark::RatioAtMost(3.0), Some(true)),
            (Some(10.0), Some(30.1), Mark::RatioAtMost(3.0), Some(false)),
            (Some(-1.0), Some(30.0), Mark::RatioAtMost(3.0), None),
            (Some(10.0), Some(4.0), Mark::RatioAtLeast(0.4), Some(true)),
            (Some(10.0), Some(3.9), Mark::RatioAtLeast(0.4), Some(false)),
            (None, Some(50.0), Mark::AtMost(50.0), Some(true)),
            (None, Some(50.1), Mark::AtMost(50.0), Some(false)),
            (None, Some(0.95), Mark::AtLeast(0.95), Some(true)),
            (None, Some(0.94), Mark::AtLeast(0.95), Some(false)),
            (Some(1.0), None, Mark::AtMost(50.0), None),
            (Some(1.0), Some(1.0), Mark::None, None),
        ] {
            assert_eq!(row(nginx, outlay, mark).met(), expected, "{nginx:?} {outlay:?} {mark:?}");
        }
    }

    #[test]
    fn the_table_lines_up() {
        let round = |outlay| Ways { direct: Some(28.4), nginx: Some(34.0), outlay: Some(outlay) };
        let rounds = [round(102.0), round(153.0), round(119.0)];
        let rows = [
            Row::of_rounds("added p50, us".to_owned(), &rounds, Mark::RatioAtMost(3.0)),
            row(None, Some(0.5), Mark::None),
        ];
        assert_eq!(
            table(&rows),
            "               direct  nginx  outlay  outlay/nginx   of rounds  mark\n\
             added p50, us    28.4   34.0     119          3.50  3.00..4.50  ratio <= 3  missed\n\
             row                 -      -    0.50             -\n"
        );
    }

    #[test]
    fn a_ratio_is_the_middle_one_of_the_rounds() {
        let round = |(nginx, outlay)| Ways { direct: None, nginx: Some(nginx), outlay };
        for (rounds, expected) in [
            // A round in which the machine was slow is slow for both.
            (vec![(10.0, Some(30.0)), (20.0, Some(60.0)), (10.0, Some(20.0))], Some(3.0)),
            // Of what nginx does not add there is no ratio.
            (vec![(10.0, Some(20.0)), (-1.0, Some(20.0)), (10.0, Some(20.0))], Some(2.0)),
            (vec![(10.0, None)], None),
        ] {
            let rounds: Vec<_> = rounds.into_iter().map(round).collect();
            let row = Row::of_rounds("row".to_owned(), &rounds, Mark::None);
            assert_eq!(row.ratio(), expected, "{rounds:?}");
        }
    }
}
