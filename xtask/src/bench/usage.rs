//! What a program and its children cost, as Linux counts it in /proc.

use std::fs;

use anyhow::{Context, Result};

/// Linux counts a process's time in hundredths of a second on every platform that we build for.
const TICK_US: f64 = 10_000.0;

/// A program and its children (nginx works in one).
#[derive(Debug)]
pub(super) struct Processes(Vec<u32>);

impl Processes {
    /// The process and its children as they are now.
    ///
    /// # Errors
    /// Where there is no /proc, or the process is gone.
    pub(super) fn of(id: u32) -> Result<Processes> {
        let children = read(&format!("/proc/{id}/task/{id}/children"))?;
        let children = children.split_whitespace().filter_map(|child| child.parse().ok());
        Ok(Processes(std::iter::once(id).chain(children).collect()))
    }

    /// Microseconds of CPU used so far, in the programs and in the kernel for them.
    ///
    /// # Errors
    /// When one is gone.
    pub(super) fn cpu_us(&self) -> Result<f64> {
        self.sum(|id| cpu_ticks(&read(&format!("/proc/{id}/stat"))?)).map(|ticks| ticks * TICK_US)
    }

    /// Megabytes of memory held now.
    ///
    /// # Errors
    /// When one is gone.
    pub(super) fn resident_mb(&self) -> Result<f64> {
        self.sum(|id| resident_kb(&read(&format!("/proc/{id}/status"))?)).map(|kb| kb / 1024.0)
    }

    fn sum(&self, of: impl Fn(u32) -> Result<f64>) -> Result<f64> {
        self.0.iter().map(|&id| of(id)).sum()
    }
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("{path} cannot be read"))
}

/// User and system time out of /proc/ID/stat, whose second field may hold spaces and brackets.
fn cpu_ticks(stat: &str) -> Result<f64> {
    let fields: Vec<&str> =
        stat.rsplit_once(')').map_or(stat, |(_, rest)| rest).split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok());
    ticks(11).zip(ticks(12)).map(|(user, system)| user + system).context("/proc/ID/stat is odd")
}

fn resident_kb(status: &str) -> Result<f64> {
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.trim().strip_suffix(" kB")?.trim().parse().ok())
        .context("/proc/ID/status names no VmRSS")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_own_words_are_read() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194560 1 0 0 0 31 11 0 0 20 0 4 0 100 2 3";
        assert_eq!(cpu_ticks(stat).unwrap(), 42.0);
        assert_eq!(resident_kb("Name:\tx\nVmRSS:\t    9216 kB\nThreads:\t1\n").unwrap(), 9216.0);
        assert!(cpu_ticks("7 (a) S").is_err());
        assert!(resident_kb("Name:\tx\n").is_err());
    }
}
