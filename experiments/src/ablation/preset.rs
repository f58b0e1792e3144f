//! Ablations by name.

use super::study::Study;
use crate::arms::Arm;
use crate::failure::Failure;
use crate::maze2d::names::unknown;

/// Every preset at once.
const ALL: &str = "all";

/// One ablation: a label and its settings for each arm.
struct Preset {
    name: &'static str,
    about: &'static str,
    /// What the labels are values of.
    axis: &'static str,
    arms: &'static [(&'static str, &'static [&'static str])],
}

const PRESETS: [Preset; 9] = [
    Preset {
        name: "mcg",
        about: "Monte Carlo guidance: the gradient is the mean over N completions of the uncertain future",
        axis: "completions N (plan.completions)",
        arms: &[
            ("1", &["plan.completions=1"]),
            ("2", &["plan.completions=2"]),
            ("4", &["plan.completions=4"]),
            ("8", &["plan.completions=8"]),
            ("16", &["plan.completions=16"]),
        ],
    },
    Preset {
        name: "uncertainty",
        about: "The pyramid's slope: how many rows later each next token begins to be denoised",
        axis: "rows between neighbouring tokens (plan.matrix.uncertainty)",
        arms: &[
            ("0", &["plan.matrix.kind=pyramid", "plan.matrix.uncertainty=0"]),
            ("0.2", &["plan.matrix.kind=pyramid", "plan.matrix.uncertainty=0.2"]),
            ("0.4", &["plan.matrix.kind=pyramid", "plan.matrix.uncertainty=0.4"]),
            ("0.7", &["plan.matrix.kind=pyramid", "plan.matrix.uncertainty=0.7"]),
            ("1", &["plan.matrix.kind=pyramid", "plan.matrix.uncertainty=1"]),
            ("2", &["plan.matrix.kind=pyramid", "plan.matrix.uncertainty=2"]),
        ],
    },
    Preset {
        name: "schedule",
        about: "The order in which tokens are denoised",
        axis: "scheduling matrix (plan.matrix.kind)",
        arms: &[
            ("full-sequence", &["plan.matrix.kind=full-sequence"]),
            ("pyramid", &["plan.matrix.kind=pyramid"]),
            ("trapezoid", &["plan.matrix.kind=trapezoid"]),
            ("autoregressive", &["plan.matrix.kind=autoregressive"]),
        ],
    },
    Preset {
        name: "replan",
        about: "How long a plan is followed before the next is made",
        axis: "steps executed of each plan (rollout.replan_every)",
        arms: &[
            ("1", &["rollout.replan_every=1"]),
            ("5", &["rollout.replan_every=5"]),
            ("10", &["rollout.replan_every=10"]),
            ("20", &["rollout.replan_every=20"]),
            ("40", &["rollout.replan_every=40"]),
        ],
    },
    Preset {
        name: "warm-start",
        about: "Replanning from the plan in force, put back to a share of the noise levels, or afresh",
        axis: "level of a warm start's nearest token (plan.warm_start)",
        arms: &[
            ("off", &["plan.warm_start=1"]),
            ("0.9", &["plan.warm_start=0.9"]),
            ("0.7", &["plan.warm_start=0.7"]),
            ("0.5", &["plan.warm_start=0.5"]),
            ("0.3", &["plan.warm_start=0.3"]),
        ],
    },
    Preset {
        name: "levels",
        about: "Denoising steps of one token",
        axis: "sampling levels S (plan.levels)",
        arms: &[
            ("3", &["plan.levels=3"]),
            ("4", &["plan.levels=4"]),
            ("6", &["plan.levels=6"]),
            ("10", &["plan.levels=10"]),
            ("20", &["plan.levels=20"]),
            ("50", &["plan.levels=50"]),
        ],
    },
    Preset {
        name: "samples",
        about: "Candidates of which the best by the plan's own estimate is followed",
        axis: "candidates (plan.samples)",
        arms: &[
            ("1", &["plan.samples=1"]),
            ("2", &["plan.samples=2"]),
            ("4", &["plan.samples=4"]),
            ("8", &["plan.samples=8"]),
        ],
    },
    Preset {
        name: "solver",
        about: "How a token gets from one level to the next",
        axis: "solver (plan.solver)",
        arms: &[("ddim", &["plan.solver=ddim"]), ("dpm-2m", &["plan.solver=dpm-2m"])],
    },
    Preset {
        name: "support",
        about: "What a plan loses for leaving the positions that the data have been at",
        axis: "cost of a frame outside (plan.support)",
        arms: &[
            ("0", &["plan.support=0"]),
            ("3", &["plan.support=3"]),
            ("10", &["plan.support=10"]),
            ("30", &["plan.support=30"]),
        ],
    },
];

/// The names there are, for messages.
pub fn names() -> String {
    PRESETS.iter().map(|preset| preset.name).chain([ALL]).collect::<Vec<_>>().join(", ")
}

/// Presets by name, in the order of the program.
///
/// # Errors
/// [`Failure`] for a name that there is not, with the nearest there is.
pub fn presets(typed: &[String]) -> Result<Vec<Study>, Failure> {
    let known: Vec<&str> = PRESETS.iter().map(|preset| preset.name).chain([ALL]).collect();
    if let Some(name) = typed.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(unknown("--preset", "preset", name, &known));
    }
    let wanted = |preset: &&Preset| typed.iter().any(|name| name == preset.name || name == ALL);
    Ok(PRESETS.iter().filter(wanted).map(Preset::study).collect())
}

impl Preset {
    fn study(&self) -> Study {
        Study {
            name: self.name.to_owned(),
            about: Some(self.about.to_owned()),
            axis: self.axis.to_owned(),
            arms: self.arms.iter().map(|(label, settings)| Arm::new(label, settings)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::Configuration;
    use crate::settings;

    #[test]
    fn every_arm_is_a_configuration_and_no_two_of_a_preset_are_the_same() {
        let studies = presets(&[ALL.to_owned()]).unwrap();
        assert_eq!(studies.len(), PRESETS.len());
        for study in studies {
            let load = |arm: &Arm| settings::load::<Configuration>(None, &arm.settings).unwrap();
            let loaded: Vec<Configuration> = study.arms.iter().map(load).collect();
            for (at, one) in loaded.iter().enumerate() {
                assert!(!loaded[..at].contains(one), "{}: {:?}", study.name, study.arms[at]);
            }
        }
    }

    #[test]
    fn presets_come_in_the_program_s_order_and_once() {
        let typed = ["samples", "mcg", "samples"].map(str::to_owned);
        let names: Vec<String> = presets(&typed).unwrap().into_iter().map(|study| study.name).collect();
        assert_eq!(names, ["mcg", "samples"]);
    }
}
