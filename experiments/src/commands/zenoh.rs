//! `forethought zenoh`: a robot, driven over zenoh.

use crate::cli::ZenohArgs;
use crate::failure::Failure;

/// Carries out the command.
#[cfg(not(feature = "zenoh"))]
pub fn run(_: &ZenohArgs) -> Result<(), Failure> {
    Err(Failure::refused(
        "this program was built without zenoh: build it with `cargo build --release --features zenoh` (experiments/ZENOH.md)",
    ))
}

/// Carries out the command.
#[cfg(feature = "zenoh")]
pub fn run(args: &ZenohArgs) -> Result<(), Failure> {
    use std::time::{Duration, Instant};

    use serde_json::json;

    use crate::console;
    use crate::drive::Driver;
    use crate::interrupt::Deferred;

    let options = options(args)?;
    let exposed = options.network.exposed().join(", ");
    if !exposed.is_empty() {
        console::note(format_args!(
            "warning: {exposed}: not on this machine alone, not encrypted and not authenticated: whoever reaches it can read \
             observations, send others, and command the robot"
        ));
    }
    let driver = Driver::open(&options)?;
    let heard = Deferred::begin();
    let (names, spec) = (&options.names, driver.spec());
    let [observation, command] = [&names.observation, &names.command].map(|topic| topic.key(names.domain));
    let goal = (driver.goal_len() > 0).then(|| names.goal.key(names.domain));
    let (period, stale) = (driver.period().as_secs_f64(), driver.stale().as_secs_f64());
    if args.json {
        console::json(&json!({
            "environment": spec.id, "network": options.network.shown(), "period_s": period, "stale_s": stale,
            "observation": { "key": observation, "numbers": spec.observation.len() },
            "command": { "key": command, "numbers": spec.action.len() },
            "goal": { "key": goal, "numbers": driver.goal_len() },
        }))?;
    } else {
        let (hz, network) = (1.0 / period, options.network.shown());
        console::line(format_args!("driving {} at {hz:.1} Hz, {network}; Ctrl-C ends it", spec.id))?;
        console::line(format_args!("  observations of {} numbers: {observation}", spec.observation.len()))?;
        if let Some(goal) = &goal {
            console::line(format_args!("  goals of {} numbers: {goal}", driver.goal_len()))?;
        }
        console::line(format_args!("  commands of {} numbers: {command}", spec.action.len()))?;
    }
    let end = args.seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let driven = driver.run(|| heard.requested() || end.is_some_and(|end| Instant::now() >= end));
    match args.json {
        true => console::json(&serde_json::to_value(&driven)?),
        false => console::line(&driven),
    }
}

/// What the user typed, as what it means.
#[cfg(feature = "zenoh")]
fn options(args: &ZenohArgs) -> Result<crate::drive::DriveOptions, Failure> {
    use std::path::Path;
    use std::time::Duration;

    use crate::drive::keys::{Node, Topic};
    use crate::drive::network::Network;
    use crate::drive::{DriveOptions, Names};
    use crate::{resolve, shipped};

    let refused =
        |option: &str, error: &dyn std::fmt::Display| Failure::refused(format!("{option}: {error}"));
    let topic = |option, text: &str| Topic::new(text).map_err(|error| refused(option, &error));
    let names = Names {
        domain: args.domain,
        node: args.node.clone(),
        observation: topic("--observation", &args.observation)?,
        goal: topic("--goals", &args.goals)?,
        command: topic("--command", &args.command)?,
    };
    if names.observation == names.command || names.goal == names.command || names.goal == names.observation {
        return Err(Failure::refused(
            "--observation, --goals and --command: two are the same topic: give each its own",
        ));
    }
    // Before anything is opened.
    Node::new(args.domain, "0", &args.node).map_err(|error| refused("--node", &error))?;
    let network =
        Network::new(&args.listen, &args.connect).map_err(|error| refused("--listen, --connect", &error))?;
    let path = Path::new(&args.agent);
    let checkpoint = match path.is_dir() {
        true => path.to_owned(),
        false => shipped::checkpoint_or_refusal(&resolve::environment_id(&args.agent)?)?,
    };
    Ok(DriveOptions {
        checkpoint,
        config: args.config.clone(),
        overrides: args.overrides.clone(),
        network,
        names,
        goal: args.goal.clone(),
        seed: args.seed,
        stale: args.stale.map(Duration::from_millis),
        until_reached: args.until_reached,
    })
}
