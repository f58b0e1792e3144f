//! Results as text.

use std::fmt::Write;

use super::results::{CaseResult, Results};
use crate::plan_time::PlanTime;
use crate::statistics::Quantiles;
use crate::table::{Table, numbers, words};

/// Marks PyTorch's times that are not of this run.
const BORROWED: &str = "*";

/// All tables. PyTorch's times that this run does not have are taken from `baseline`, and marked.
pub fn text(results: &Results, baseline: Option<&Results>) -> String {
    let mut text = heading(results);
    let _ = write!(text, "{}", cases(results, baseline));
    let _ = writeln!(
        text,
        "\nceiling: {:.0} GFLOP/s in large matrix products on all threads ({:.0} to {:.0})\n",
        results.ceiling_gflops.median, results.ceiling_gflops.q25, results.ceiling_gflops.q75
    );
    let _ = write!(text, "{}", plans(results, baseline));
    if results.protocol.torch.is_none() {
        let _ = match baseline.and_then(|baseline| baseline.protocol.torch.as_ref()) {
            Some(torch) => writeln!(
                text,
                "\n{BORROWED} from the baseline file (torch {}, another run): give --python to measure beside it",
                torch.torch
            ),
            None => writeln!(text, "\nPyTorch was not measured: give --python"),
        };
    }
    if let Some(baseline) = baseline {
        let _ = write!(
            text,
            "\nAgainst the baseline ({})\n\n{}",
            baseline.protocol.processor,
            against(results, baseline)
        );
    }
    text
}

fn heading(results: &Results) -> String {
    let protocol = &results.protocol;
    let load = |loads: &[f64]| loads.first().map_or("unknown".into(), |load| format!("{load:.2}"));
    let mut text = format!(
        "{} on {}, {} threads; network of {}; {} rounds; load average {} before, {} after\n",
        protocol.device,
        protocol.processor,
        protocol.threads,
        protocol.environment,
        protocol.rounds,
        load(&protocol.load_before),
        load(&protocol.load_after),
    );
    if let Some(torch) = &protocol.torch {
        let gpu = torch.gpu.as_ref().map_or(String::new(), |gpu| format!(", {gpu}"));
        let _ =
            writeln!(text, "torch {}, Python {}, {} threads{gpu}", torch.torch, torch.python, torch.threads);
    }
    text + "times in ms: median [quartiles]; `faster by` is the better PyTorch time over ours\n\n"
}

fn cases(results: &Results, baseline: Option<&Results>) -> Table {
    let mut table = Table::new([
        words("case"),
        numbers("ours"),
        numbers("PyTorch eager"),
        numbers("PyTorch compiled"),
        numbers("faster by"),
        numbers("share of ceiling"),
    ]);
    for case in &results.cases {
        let borrowed = baseline.and_then(|baseline| baseline.case(&case.case));
        let mark = if case.torch_ms().is_some() { "" } else { BORROWED };
        let from = if case.torch_ms().is_some() { Some(case) } else { borrowed };
        let side = |pick: fn(&CaseResult) -> Option<Quantiles>| {
            from.and_then(pick).map_or("-".into(), |ms| format!("{}{mark}", spread(&ms)))
        };
        let share = case.gflops().map(|gflops| 100.0 * gflops / results.ceiling_gflops.median);
        table.row([
            case.case.clone(),
            spread(&case.ours_ms),
            side(|case| case.eager.as_ref().map(|side| side.ms)),
            side(|case| case.compiled.as_ref().map(|side| side.ms)),
            case.ratio(borrowed).map_or("-".into(), |ratio| format!("{ratio:.2}x{mark}")),
            share.map_or("-".into(), |share| format!("{share:.0} %")),
        ]);
    }
    table
}

fn plans(results: &Results, baseline: Option<&Results>) -> Table {
    let mut table = Table::new([
        words("plan"),
        numbers("rows"),
        numbers("tokens"),
        numbers("ours"),
        numbers("reference guided"),
        numbers("reference unguided"),
        numbers("guided over ours"),
    ]);
    let (mark, reference) = reference(results, baseline);
    for plan in &results.plans {
        let time = |kind: &str, time: &Option<PlanTime>| -> [String; 7] {
            let name = format!("{}, {kind}", plan.environment);
            // The reference's plan is of the large maze: beside a smaller one it would flatter.
            let beside = reference.filter(|_| is_large(&plan.environment));
            let theirs = |ms: fn((Quantiles, Quantiles)) -> Quantiles| {
                beside.map_or("-".into(), |pair| format!("{}{mark}", spread(&ms(pair))))
            };
            let ratio = beside.zip(time.as_ref()).map(|((guided, _), time)| guided.median / time.mean_ms);
            let number =
                |pick: fn(&PlanTime) -> f64| time.as_ref().map_or("-".into(), |t| format!("{:.1}", pick(t)));
            [
                name,
                number(|time| time.rows),
                number(|time| time.tokens),
                match (time, &plan.checkpoint) {
                    (Some(time), _) => significant(time.mean_ms),
                    (None, None) => "no checkpoint".into(),
                    (None, Some(_)) => "-".into(),
                },
                theirs(|(guided, _)| guided),
                theirs(|(_, unguided)| unguided),
                ratio.map_or("-".into(), |ratio| format!("{ratio:.1}x{mark}")),
            ]
        };
        table.row(time("cold", &plan.cold));
        table.row(time("replan", &plan.replan));
        if let Some(peak) = plan.peak_memory_mb {
            let name = format!("{}, peak memory", plan.environment);
            let [dash, _] = ["-", "-"].map(String::from);
            let memory = format!("{peak:.0} MB");
            table.row([name, dash.clone(), dash.clone(), memory, dash.clone(), dash.clone(), dash]);
        }
    }
    table
}

fn is_large(environment: &str) -> bool {
    environment.contains("-large-")
}

fn reference<'a>(results: &Results, baseline: Option<&Results>) -> (&'a str, Option<(Quantiles, Quantiles)>) {
    let pair = |results: &Results| results.reference.as_ref().map(|r| (r.guided_ms, r.unguided_ms));
    match pair(results) {
        Some(pair) => ("", Some(pair)),
        None => (BORROWED, baseline.and_then(pair)),
    }
}

/// Ratios of this run over those of the baseline: machine and load cancel where PyTorch was measured in both.
fn against(results: &Results, baseline: &Results) -> Table {
    let mut table = Table::new([
        words("case"),
        numbers("faster by, now"),
        numbers("in the baseline"),
        numbers("now / baseline"),
    ]);
    let times = |ratio: Option<f64>| ratio.map_or("-".into(), |ratio| format!("{ratio:.2}x"));
    let mut row = |name: String, now: Option<f64>, then: Option<f64>, shown: bool| {
        let change = now.zip(then).map_or("-".into(), |(now, then)| format!("{:.2}", now / then));
        table.row([name, times(now.filter(|_| shown)), times(then.filter(|_| shown)), change]);
    };
    for case in &results.cases {
        let then = baseline.case(&case.case);
        row(case.case.clone(), case.ratio(then), then.and_then(|then| then.ratio(None)), true);
    }
    for plan in &results.plans {
        let then = baseline.plan(&plan.environment);
        let guided_then = baseline.reference.as_ref().map(|r| r.guided_ms.median);
        let guided = results.reference.as_ref().map(|r| r.guided_ms.median).or(guided_then);
        let ratio =
            |guided: Option<f64>, time: Option<&PlanTime>| guided.zip(time).map(|(g, t)| g / t.mean_ms);
        for (kind, now, then) in [
            ("cold", plan.cold.as_ref(), then.and_then(|then| then.cold.as_ref())),
            ("replan", plan.replan.as_ref(), then.and_then(|then| then.replan.as_ref())),
        ] {
            // Beside a smaller maze's plan the reference serves only to cancel what machine and load do.
            let shown = is_large(&plan.environment);
            row(format!("{}, {kind}", plan.environment), ratio(guided, now), ratio(guided_then, then), shown);
        }
    }
    table
}

fn spread(q: &Quantiles) -> String {
    format!("{} [{}, {}]", significant(q.median), significant(q.q25), significant(q.q75))
}

/// Three digits that mean something.
fn significant(value: f64) -> String {
    let decimals = (2.0 - value.abs().max(1e-9).log10().floor()).clamp(0.0, 6.0) as usize;
    format!("{value:.decimals$}")
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::results::*;
    use super::*;

    fn q(median: f64) -> Quantiles {
        Quantiles { q25: 0.9 * median, median, q75: 1.1 * median, samples: 5 }
    }

    fn side(median: f64) -> Option<TorchSide> {
        Some(TorchSide { ms: q(median), way: "table".into(), difference: 1e-6 })
    }

    fn time(mean_ms: f64) -> Option<PlanTime> {
        Some(PlanTime { mean_ms, ms: q(mean_ms), rows: 26.0, tokens: 18.0 })
    }

    pub fn example() -> Results {
        Results {
            format: FORMAT,
            protocol: SpeedProtocol {
                environment: "maze2d-umaze-v1".into(),
                checkpoint: "abc".into(),
                device: "cpu".into(),
                threads: 2,
                processor: "Some CPU".into(),
                load_before: vec![0.25],
                load_after: vec![1.5],
                torch: Some(TorchRecord {
                    torch: "9.9".into(),
                    python: "3.99".into(),
                    threads: 2,
                    gpu: None,
                }),
                rounds: 5,
                shortest_ms: 20.0,
                code_version: "0.0.0".into(),
            },
            ceiling_gflops: q(100.0),
            cases: vec![CaseResult {
                case: "row, batch 1".into(),
                ours_ms: q(0.5),
                eager: side(3.0),
                compiled: side(1.5),
                operations: Some(30_000_000),
            }],
            plans: vec![
                PlanResult {
                    environment: "maze2d-large-v1".into(),
                    checkpoint: Some("abc".into()),
                    cold: time(50.0),
                    replan: time(10.0),
                    peak_memory_mb: Some(88.4),
                },
                PlanResult {
                    environment: "maze2d-medium-v1".into(),
                    checkpoint: None,
                    cold: None,
                    replan: None,
                    peak_memory_mb: None,
                },
            ],
            reference: Some(ReferenceResult { rows: 129, guided_ms: q(1600.0), unguided_ms: q(700.0) }),
        }
    }

    fn line<'a>(text: &'a str, start: &str) -> Vec<&'a str> {
        let line =
            text.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start}: {text}"));
        line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect()
    }

    #[test]
    fn ratios_are_to_the_better_side_and_shares_to_the_ceiling() {
        let text = text(&example(), None);
        assert_eq!(
            line(&text, "row, batch 1"),
            [
                "row, batch 1",
                "0.500 [0.450, 0.550]",
                "3.00 [2.70, 3.30]",
                "1.50 [1.35, 1.65]",
                "3.00x",
                "60 %"
            ]
        );
        let cold = line(&text, "maze2d-large-v1, cold");
        assert_eq!((cold[3], cold[6]), ("50.0", "32.0x"));
        assert_eq!(line(&text, "maze2d-large-v1, replan")[6], "160.0x");
        assert!(line(&text, "maze2d-large-v1, peak memory").contains(&"88 MB"));
        assert!(line(&text, "maze2d-medium-v1, cold").contains(&"no checkpoint"));
        assert!(text.contains("torch 9.9") && !text.contains(BORROWED) && !text.contains("Against"));
    }

    #[test]
    fn borrowed_times_are_marked_and_changes_shown() {
        let baseline = example();
        let mut now = example();
        now.protocol.torch = None;
        now.reference = None;
        (now.cases[0].eager, now.cases[0].compiled) = (None, None);
        now.cases[0].ours_ms = q(1.0);
        let text = text(&now, Some(&baseline));
        let row = line(&text, "row, batch 1");
        assert_eq!((row[2], row[4]), ("3.00 [2.70, 3.30]*", "1.50x*"));
        assert!(text.contains("* from the baseline file (torch 9.9"));
        let (_, changes) = text.split_once("Against the baseline").unwrap();
        assert_eq!(line(changes, "row, batch 1"), ["row, batch 1", "1.50x", "3.00x", "0.50"]);
        assert_eq!(line(changes, "maze2d-large-v1, cold")[3], "1.00");
    }

    #[test]
    fn without_any_pytorch_there_are_dashes() {
        let mut now = example();
        now.protocol.torch = None;
        now.reference = None;
        (now.cases[0].eager, now.cases[0].compiled) = (None, None);
        let text = text(&now, None);
        assert_eq!(line(&text, "row, batch 1")[2..5], ["-", "-", "-"]);
        assert!(text.contains("PyTorch was not measured: give --python"), "{text}");
    }
}
