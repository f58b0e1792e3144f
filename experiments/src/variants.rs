//! What is compared: rows of a suite, by the planners, controllers and checkpoints asked for, with settings varied.

mod learned;
mod programs;
mod studies;

use std::path::PathBuf;

use crate::failure::Failure;
use crate::program::Launch;
use crate::resolve::unknown;
use crate::results::Group;
use crate::suite::{Source, Suite, SuiteVariant};

pub use learned::learned;
pub use programs::programs;
pub use studies::preset_names;
use studies::{Study, studies};

/// One thing to be scored in every environment.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// Name, its own.
    pub name: String,
    /// Planner or policy.
    pub planner: String,
    /// Where commands come from.
    pub source: Source,
    /// What carries plans out; that of the settings unless named.
    pub controller: Option<String>,
    /// Settings laid over all others, as `--set` takes them.
    pub set: Vec<String>,
    /// Checkpoint; that of the environment unless named.
    pub checkpoint: Option<PathBuf>,
    /// Program, where commands come from one.
    pub program: Option<Launch>,
    /// Beginnings of the names of the environments that it is for; all where there are none.
    pub only: Vec<String>,
    /// What it is, in a line.
    pub about: String,
    /// Whether it is a row by itself, or a value of a varied setting.
    pub row: bool,
}

/// What the user asked for.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Whether the suite was named.
    pub suite: bool,
    /// Planners by name.
    pub planners: Option<Vec<String>>,
    /// Controllers by name.
    pub controllers: Option<Vec<String>>,
    /// Checkpoints.
    pub checkpoints: Vec<PathBuf>,
    /// Presets by name.
    pub presets: Vec<String>,
    /// `KEY=V1,V2`.
    pub vary: Vec<String>,
    /// Whether to be confined to what the suite calls quick.
    pub quick: bool,
    /// Controller of the settings, for the name of what has none of its own.
    pub own_controller: String,
}

/// What is to be scored, and how it is shown.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// All variants.
    pub variants: Vec<Variant>,
    /// What was varied.
    pub groups: Vec<Group>,
    /// What the others are compared with.
    pub baseline: String,
}

/// Chooses from a suite.
///
/// # Errors
/// [`Failure`] for a name that there is not, with the nearest there is, and for nothing that could be varied.
pub fn choose(suite: &Suite, asked: &Asked) -> Result<Chosen, Failure> {
    let studies = studies(&asked.presets, &asked.vary)?;
    let rows = with_controllers(rows(suite, asked, !studies.is_empty())?, suite, asked)?;
    let mut variants: Vec<Variant> = Vec::new();
    let checkpoints: Vec<Option<&PathBuf>> = match asked.checkpoints.as_slice() {
        [] => vec![None],
        some => some.iter().map(Some).collect(),
    };
    for (at, checkpoint) in checkpoints.iter().enumerate() {
        for row in &rows {
            let own = row.source == Source::Checkpoint;
            if !own && at > 0 {
                continue;
            }
            let name = match (&row.controller, own) {
                (None, true) => format!("{}, {}", row.planner, asked.own_controller),
                _ => row.name(),
            };
            let name = match checkpoint.filter(|_| own && checkpoints.len() > 1) {
                Some(path) => format!("{}: {name}", path.display()),
                None => name,
            };
            variants.push(Variant {
                name,
                planner: row.planner.clone(),
                source: row.source,
                controller: row.controller.clone(),
                set: row.set.clone(),
                checkpoint: checkpoint.filter(|_| own).cloned(),
                program: None,
                only: row.only.clone(),
                about: row.about.clone(),
                row: true,
            });
        }
    }
    let first = variants.first().map(|variant| variant.name.clone());
    let known = variants.iter().any(|variant| variant.name == suite.baseline);
    let baseline = if known { suite.baseline.clone() } else { first.unwrap_or_default() };
    let groups = vary(&mut variants, studies)?;
    Ok(Chosen { variants, groups, baseline })
}

fn rows(suite: &Suite, asked: &Asked, varied: bool) -> Result<Vec<SuiteVariant>, Failure> {
    let known = suite.planners();
    let quick = (asked.quick && !suite.quick.planners.is_empty()).then_some(&suite.quick.planners);
    if let Some(typed) = asked.planners.iter().flatten().find(|typed| !known.contains(&typed.as_str())) {
        return Err(unknown("--planners", "planner", typed, &known));
    }
    let of = |names: &[String]| -> Vec<SuiteVariant> {
        let wanted = |variant: &&SuiteVariant| names.contains(&variant.planner);
        suite.variants.iter().filter(wanted).cloned().collect()
    };
    let chosen = match &asked.planners {
        Some(names) => of(names),
        None if varied => {
            suite.variants.iter().filter(|variant| variant.name() == suite.baseline).cloned().collect()
        }
        None if asked.suite => quick.map_or_else(|| suite.variants.clone(), |names| of(names)),
        None => suite.variants.iter().filter(|variant| variant.usual).cloned().collect(),
    };
    if asked.suite {
        return Ok(chosen);
    }
    // Without a suite a planner has one row, by the controller that the settings name.
    let mut rows: Vec<SuiteVariant> = Vec::new();
    for mut variant in chosen {
        if !rows.iter().any(|row| row.planner == variant.planner) {
            if variant.source == Source::Checkpoint {
                variant.controller = None;
            }
            rows.push(variant);
        }
    }
    Ok(rows)
}

/// Every planner with each of the controllers asked for, as the suite has them or with the name exchanged.
fn with_controllers(
    rows: Vec<SuiteVariant>,
    suite: &Suite,
    asked: &Asked,
) -> Result<Vec<SuiteVariant>, Failure> {
    let Some(controllers) = &asked.controllers else { return Ok(rows) };
    let known = forethought_policies::CONTROLLERS;
    if let Some(typed) = controllers.iter().find(|typed| !known.contains(&typed.as_str())) {
        return Err(unknown("--controller", "controller", typed, &known));
    }
    let mut all: Vec<SuiteVariant> = Vec::new();
    for row in rows {
        if row.source == Source::Policy {
            all.push(row);
        } else if !all.iter().any(|other| other.planner == row.planner) {
            for controller in controllers {
                let own = |other: &&SuiteVariant| {
                    other.planner == row.planner && other.controller.as_ref() == Some(controller)
                };
                let exchanged = || SuiteVariant { controller: Some(controller.clone()), ..row.clone() };
                all.push(suite.variants.iter().find(own).cloned().unwrap_or_else(exchanged));
            }
        }
    }
    Ok(all)
}

/// Appends the values of every study to every row that has settings.
fn vary(variants: &mut Vec<Variant>, studies: Vec<Study>) -> Result<Vec<Group>, Failure> {
    let bases: Vec<Variant> = variants.iter().filter(|v| v.source == Source::Checkpoint).cloned().collect();
    if bases.is_empty() && !studies.is_empty() {
        return Err(Failure::refused(
            "--vary: none of the planners has settings: name one that plans with a checkpoint",
        ));
    }
    let mut groups = Vec::new();
    for base in &bases {
        for Study { group, sets } in &studies {
            let mut group = group.clone();
            if bases.len() > 1 {
                group.name = format!("{} ({})", group.name, base.name);
            }
            for (arm, set) in group.arms.iter_mut().zip(sets) {
                arm.variant = set.join(",");
                if bases.len() > 1 {
                    arm.variant = format!("{}, {}", base.name, arm.variant);
                }
                if !variants.iter().any(|variant| variant.name == arm.variant) {
                    let (name, set) = (arm.variant.clone(), base.set.iter().chain(set).cloned().collect());
                    variants.push(Variant { name, set, row: false, ..base.clone() });
                }
            }
            groups.push(group);
        }
    }
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(list: &[&str]) -> Vec<String> {
        list.iter().map(|word| (*word).to_owned()).collect()
    }

    fn names(asked: &Asked) -> Vec<String> {
        let asked = Asked { own_controller: "diffused-action".into(), ..asked.clone() };
        choose(&Suite::load("maze2d").unwrap(), &asked)
            .unwrap()
            .variants
            .into_iter()
            .map(|v| v.name)
            .collect()
    }

    #[test]
    fn what_is_scored_depends_on_what_was_named() {
        let usual = names(&Asked::default());
        assert_eq!(usual[0], "diffusion-forcing, diffused-action");
        assert!(
            usual.contains(&"waypoint".to_owned()) && !usual.contains(&"mppi, diffused-action".to_owned())
        );
        // A suite brings all rows, a planner of a suite all its controllers, one without a suite its own.
        assert_eq!(names(&Asked { suite: true, ..Asked::default() }).len(), 15);
        let planners = Some(words(&["diffusion-forcing"]));
        assert_eq!(names(&Asked { suite: true, planners: planners.clone(), ..Asked::default() }).len(), 4);
        assert_eq!(names(&Asked { planners: planners.clone(), ..Asked::default() }).len(), 1);
        // Where settings are varied nothing else is scored.
        let vary = words(&["plan.warm_start=0.5,0.7"]);
        let varied = names(&Asked { vary, ..Asked::default() });
        assert_eq!(varied[1..], ["plan.warm_start=0.5", "plan.warm_start=0.7"]);
    }

    #[test]
    fn controllers_bring_the_suite_s_settings_for_them() {
        let controllers = Some(words(&["path-following", "pd"]));
        let planners = Some(words(&["diffusion-forcing", "mcg-4", "random"]));
        let asked = Asked { controllers, planners, ..Asked::default() };
        let chosen = choose(&Suite::load("maze2d").unwrap(), &asked).unwrap();
        let row = |name: &str| chosen.variants.iter().find(|v| v.name == name).unwrap();
        assert!(row("diffusion-forcing, path-following").set.iter().any(|set| set.contains("smoothing")));
        // A planner that the suite has no such row of keeps its own settings.
        assert_eq!(row("mcg-4, pd").set, row("mcg-4, path-following").set);
        assert_eq!(
            (chosen.variants.len(), chosen.baseline.as_str()),
            (5, "diffusion-forcing, path-following")
        );
    }

    #[test]
    fn checkpoints_are_told_apart_by_their_paths_and_share_references() {
        let checkpoints = ["a", "b"].map(PathBuf::from).to_vec();
        let planners = Some(words(&["diffusion-forcing", "random"]));
        let found = names(&Asked { checkpoints, planners, ..Asked::default() });
        assert_eq!(
            found,
            ["a: diffusion-forcing, diffused-action", "random", "b: diffusion-forcing, diffused-action"]
        );
    }
}
