//! `forethought growth`: how time and memory grow on this machine.

use std::path::Path;

use serde_json::json;

use crate::axis::Axis;
use crate::cli::{GrowthArgs, GrowthPointArgs};
use crate::failure::Failure;
use crate::growth::point;
use crate::growth::report::{self, Growth, Point, Protocol};
use crate::output::{ExistingPolicy, OutputDir};
use crate::speed::machine;
use crate::{console, progress};

/// Samples of a point.
const ROUNDS: usize = 7;
/// The same with `--quick`.
const QUICK_ROUNDS: usize = 2;

/// Carries out the command.
pub fn run(args: &GrowthArgs) -> Result<(), Failure> {
    let rounds = args.rounds.unwrap_or(if args.quick { QUICK_ROUNDS } else { ROUNDS });
    if rounds == 0 {
        return Err(Failure::refused("--rounds must be at least 1"));
    }
    let axes = if args.axes.is_empty() { Axis::ALL.to_vec() } else { args.axes.clone() };
    let policy = if args.force { ExistingPolicy::ReplaceOurs } else { ExistingPolicy::Refuse };
    let out =
        OutputDir::create(args.out.clone().unwrap_or_else(|| Path::new("runs").join("growth")), policy)?;
    let all: usize = axes.iter().map(|axis| axis.sizes(args.quick).len()).sum();
    let bar = progress::bar(all as u64, "points", args.json);
    let load_before = machine::load_average();
    let mut points = Vec::new();
    for &axis in &axes {
        for &size in axis.sizes(args.quick) {
            bar.set_message(format!("{size} {}", axis.grows()));
            let found = point::in_processes(axis, size, rounds)?;
            points.push(Point { axis, size, ms: found.ms, memory_mb: found.memory_mb });
            bar.inc(1);
        }
    }
    bar.finish();
    let protocol = Protocol {
        network_of: point::OF.into(),
        processor: machine::processor(),
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        memory_mb: machine::memory_mb(),
        rounds,
        load_before,
        load_after: machine::load_average(),
        code_version: env!("CARGO_PKG_VERSION").into(),
        commit: crate::results::COMMIT.into(),
    };
    let growth = Growth { protocol, points };
    let text = report::text(&growth);
    let files = [
        out.write_json("protocol.json", &growth.protocol)?,
        out.write_text("growth.csv", &report::csv(&growth))?,
        out.write_text("table.txt", &text)?,
        out.write_text("time.svg", &report::times(&growth))?,
        out.write_text("memory.svg", &report::memories(&growth))?,
    ];
    if args.json {
        return console::json(&json!({ "growth": growth, "files": console::all_shown(&files) }));
    }
    console::print(&text)?;
    console::line(format_args!("\nsamples, table and plots in {}", out.path().display()))
}

/// What a child process finds.
pub fn point(args: &GrowthPointArgs) -> Result<(), Failure> {
    let found = point::measure(args.axis, args.size, args.rounds, args.data.as_deref())?;
    console::json(&json!(found))
}
