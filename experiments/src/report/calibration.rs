//! Whether what was foretold happened as often as was said.
//!
//! What is foretold is a share of the outcomes drawn, and that differs from the chance that they are drawn with: with few
//! outcomes plans that are given a share of 0 or 1 happen a little more or less often than that, however good the network is.

use serde::Serialize;

use super::figures::Sheet;
use super::times::label;
use crate::failure::Failure;
use crate::picture::{self, Calibration, Picture, Promise};
use crate::resolve::{file_stem, short};
use crate::results::Foretold;
use crate::statistics::{self, Interval};
use crate::table::{Table, numbers, words};

/// Bins of equal width; what is said to be certain has one of its own.
const BINS: usize = 10;

/// Plans that were given about the same chance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bin {
    /// Mean of the chances.
    pub foretold: f64,
    /// Plans.
    pub plans: usize,
    /// Those of them for which the episode was where the plan said.
    pub as_planned: usize,
    /// 95 % Wilson interval of their share, as if plans of an episode had nothing to do with one another.
    pub interval: Interval,
}

impl Bin {
    /// Share of the plans that went as planned.
    pub fn share(&self) -> f64 {
        self.as_planned as f64 / self.plans as f64
    }
}

/// The bins that hold plans, by rising chance.
///
/// # Errors
/// Those of the statistics.
pub fn bins(foretold: &[Foretold]) -> Result<Vec<Bin>, Failure> {
    let mut sums = [(0.0, 0, 0); BINS + 1];
    for one in foretold {
        let at = ((one.chance * BINS as f64).max(0.0) as usize).min(BINS);
        if let Some((sum, plans, as_planned)) = sums.get_mut(at) {
            *sum += one.chance * one.plans as f64;
            *plans += one.plans;
            *as_planned += one.as_planned;
        }
    }
    let bin = |(sum, plans, as_planned): (f64, usize, usize)| {
        let interval = statistics::wilson_interval(as_planned, plans)?;
        Ok(Bin { foretold: sum / plans as f64, plans, as_planned, interval })
    };
    sums.into_iter().filter(|(_, plans, _)| *plans > 0).map(bin).collect()
}

/// Bins of the variants of an environment that foretell anything, each once.
fn variants(sheet: &Sheet<'_>, environment: &str) -> Result<Vec<(String, Vec<Bin>)>, Failure> {
    let own = sheet.results.records.iter().filter(|record| {
        record.made.environment == environment && record.same_as.is_none() && !record.foretold.is_empty()
    });
    own.map(|record| Ok((label(sheet, &record.variant), bins(&record.foretold)?))).collect()
}

/// The tables.
///
/// # Errors
/// Those of the statistics.
pub fn text(sheet: &Sheet<'_>) -> Result<String, Failure> {
    let mut tables = Vec::new();
    for environment in &sheet.results.layout.environments {
        let variants = variants(sheet, environment)?;
        if variants.is_empty() {
            continue;
        }
        let mut table = Table::new([
            words("variant"),
            numbers("foretold"),
            numbers("plans"),
            numbers("as planned [95 % interval]"),
        ]);
        for (name, bins) in variants {
            for bin in bins {
                let [low, high] = [bin.interval.low, bin.interval.high].map(|end| 100.0 * end);
                table.row([
                    name.clone(),
                    format!("{:.1} %", 100.0 * bin.foretold),
                    bin.plans.to_string(),
                    format!("{:.1} % [{low:.1}, {high:.1}]", 100.0 * bin.share()),
                ]);
            }
        }
        tables.push(format!(
            "{}: chance that an episode is where its plan says when the next plan is due, and how often it was\n\n{table}",
            short(environment)
        ));
    }
    Ok(tables.join("\n"))
}

/// The plots by name of their file.
///
/// # Errors
/// Those of the statistics.
pub fn pictures(sheet: &Sheet<'_>) -> Result<Vec<(String, Picture)>, Failure> {
    let layout = &sheet.results.layout;
    let mut pictures = Vec::new();
    for environment in &layout.environments {
        let variants = variants(sheet, environment)?;
        if variants.is_empty() {
            continue;
        }
        let promise = |bin: &Bin| Promise {
            foretold: bin.foretold,
            share: bin.share(),
            interval: bin.interval,
            plans: bin.plans,
        };
        let panels: Vec<Calibration<'_>> = variants
            .iter()
            .map(|(name, bins)| Calibration { name, promises: bins.iter().map(promise).collect() })
            .collect();
        let name = match layout.environments.len() {
            1 => "calibration.svg".to_owned(),
            _ => format!("{}--calibration.svg", file_stem(&short(environment))),
        };
        pictures
            .push((name, picture::calibration(&format!("{environment}: foretold and come true"), &panels)));
    }
    Ok(pictures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certainty_has_a_bin_of_its_own_and_no_plan_is_lost() {
        let told = |chance, plans, as_planned| Foretold { seed: 0, chance, plans, as_planned };
        let all =
            [told(1.0, 90, 88), told(0.9375, 10, 9), told(0.95, 10, 10), told(0.0, 4, 1), told(0.0625, 4, 0)];
        let bins = bins(&all).unwrap();
        let shape: Vec<(usize, usize)> = bins.iter().map(|bin| (bin.plans, bin.as_planned)).collect();
        assert_eq!(shape, [(8, 1), (20, 19), (90, 88)]);
        assert!((bins[0].foretold - 0.03125).abs() < 1e-12 && (bins[1].foretold - 0.94375).abs() < 1e-12);
        for bin in &bins {
            assert!(bin.interval.low <= bin.share() && bin.share() <= bin.interval.high);
        }
        assert!(super::bins(&[]).unwrap().is_empty());
    }
}
