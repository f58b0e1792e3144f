//! Suites: which environments, which variants, and what papers say, as TOML. A second benchmark is a second file.

use std::collections::BTreeMap;
use std::path::Path;

use forethought_envs::files::read_text;
use serde::Deserialize;

use crate::failure::Failure;
use crate::resolve::{environment_id, unknown};
use crate::results::{Published, ReferenceTime};
use crate::shipped;

/// Bytes of a suite at most.
const MOST_BYTES: u64 = 1 << 20;

/// A suite.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suite {
    /// Name, from its file.
    #[serde(skip)]
    pub name: String,
    /// Heading of tables.
    pub title: String,
    /// The columns.
    #[serde(default)]
    pub environments: Vec<String>,
    /// Beginnings of the names of environments that have these variants where no suite is named.
    #[serde(default)]
    pub serves: Vec<String>,
    /// Name of the variant that the others are compared with.
    pub baseline: String,
    /// Episodes of each variant that the benchmark's protocol has, where it is not the usual 100.
    #[serde(default)]
    pub episodes: Option<usize>,
    /// What `--quick` is confined to.
    #[serde(default)]
    pub quick: Quick,
    /// The rows.
    pub variants: Vec<SuiteVariant>,
    /// Figures from papers.
    #[serde(default)]
    pub published: PublishedTable,
}

/// What `--quick` is confined to; nothing named is everything.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quick {
    /// Environments.
    pub environments: Vec<String>,
    /// Planners.
    pub planners: Vec<String>,
}

/// Figures from papers, for orientation.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PublishedTable {
    /// What to keep in mind.
    pub remark: String,
    /// Rows.
    pub rows: Vec<Published>,
    /// Another program's time for a plan.
    pub reference_time: Option<ReferenceTime>,
}

/// One planner with one controller.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuiteVariant {
    /// Name of the planner, or of the policy that needs no plan.
    pub planner: String,
    /// What carries plans out; that of the settings unless named.
    #[serde(default)]
    pub controller: Option<String>,
    /// Where commands come from.
    #[serde(default)]
    pub source: Source,
    /// Settings, as `--set` takes them.
    #[serde(default)]
    pub set: Vec<String>,
    /// Beginnings of the names of the environments that it is for; all unless named.
    #[serde(default)]
    pub only: Vec<String>,
    /// What it is, in a line.
    #[serde(default)]
    pub about: String,
    /// Whether `eval` scores it where neither a suite nor planners are named.
    #[serde(default)]
    pub usual: bool,
}

/// Where a variant's commands come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The environment's checkpoint.
    #[default]
    Checkpoint,
    /// The environment's own dynamics, by MPPI.
    Simulator,
    /// A policy that plans nothing.
    Policy,
    /// A process of the user's; no suite names one.
    #[serde(skip)]
    Program,
}

impl Suite {
    /// A suite by name, or from a file where the name ends in `.toml`.
    ///
    /// # Errors
    /// [`Failure`] for a name that there is not, and for a file that is none or is damaged.
    pub fn load(name: &str) -> Result<Self, Failure> {
        if let Some((_, text)) = shipped::SUITES.iter().find(|(own, _)| *own == name) {
            return Self::parse(name, text);
        }
        if !name.ends_with(".toml") {
            let known: Vec<&str> = shipped::SUITES.iter().map(|(name, _)| *name).collect();
            return Err(unknown("--suite", "suite (a file ends in .toml)", name, &known));
        }
        let text = read_text(Path::new(name), MOST_BYTES)
            .map_err(|error| Failure::refused(format!("--suite {name}: cannot be read ({error})")))?;
        Self::parse(name, &text)
    }

    /// The suite that has the variants of an environment where none is named.
    ///
    /// # Errors
    /// Those of a damaged suite.
    pub fn serving(environment: &str) -> Result<Self, Failure> {
        let all = shipped::SUITES.iter().map(|(name, text)| Self::parse(name, text));
        let suites = all.collect::<Result<Vec<_>, _>>()?;
        let serves = |suite: &Self| suite.serves.iter().any(|beginning| environment.starts_with(beginning));
        suites
            .into_iter()
            .find(serves)
            .ok_or_else(|| Failure::broken(format!("no suite serves `{environment}`")))
    }

    fn parse(name: &str, text: &str) -> Result<Self, Failure> {
        let refused = |why: String| Failure::refused(format!("suite {name}: {why}"));
        let suite: Self =
            toml::from_str(text).map_err(|error| refused(error.to_string().trim_end().into()))?;
        let stem = Path::new(name).file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let suite = Self {
            name: stem.unwrap_or_default(),
            environments: suite.environments.iter().map(|id| environment_id(id)).collect::<Result<_, _>>()?,
            ..suite
        };
        let mut seen: BTreeMap<String, ()> = BTreeMap::new();
        if let Some(twice) = suite.variants.iter().find(|variant| seen.insert(variant.name(), ()).is_some()) {
            return Err(refused(format!("two variants are called `{}`", twice.name())));
        }
        let nowhere = |variant: &&SuiteVariant| {
            !suite.environments.is_empty() && !suite.environments.iter().any(|id| serves(&variant.only, id))
        };
        if let Some(variant) = suite.variants.iter().find(nowhere) {
            let why =
                format!("`{}` is for none of its environments (only = {:?})", variant.name(), variant.only);
            return Err(refused(why));
        }
        if !suite.variants.iter().any(|variant| variant.name() == suite.baseline) {
            return Err(refused(format!("its baseline `{}` is none of its variants", suite.baseline)));
        }
        Ok(suite)
    }

    /// Names of its planners, each once.
    pub fn planners(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for variant in &self.variants {
            if !names.contains(&variant.planner.as_str()) {
                names.push(&variant.planner);
            }
        }
        names
    }
}

/// Whether what is for environments whose names begin so is for this one; for all where no beginnings are named.
pub fn serves(only: &[String], environment: &str) -> bool {
    only.is_empty() || only.iter().any(|beginning| environment.starts_with(beginning))
}

impl SuiteVariant {
    /// Planner, and controller where it has one.
    pub fn name(&self) -> String {
        match &self.controller {
            Some(controller) => format!("{}, {controller}", self.planner),
            None => self.planner.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::Configuration;
    use crate::settings;

    #[test]
    fn every_variant_that_plans_is_a_configuration() {
        for (name, _) in shipped::SUITES {
            for variant in Suite::load(name).unwrap().variants {
                settings::load::<Configuration>(&[], &variant.set).unwrap();
            }
        }
    }

    #[test]
    fn the_suite_of_uncertainty_names_what_there_is_where_it_is_for() {
        let suite = Suite::load("uncertainty").unwrap();
        assert_eq!((suite.environments.len(), suite.episodes), (3, Some(250)));
        for id in &suite.environments {
            let spec = forethought_envs::make(id).unwrap().spec().clone();
            let here: Vec<&SuiteVariant> =
                suite.variants.iter().filter(|one| serves(&one.only, id)).collect();
            for policy in here.iter().filter(|one| one.source == Source::Policy) {
                assert!(crate::scoring::knows(&policy.planner, &spec), "{id}: {}", policy.planner);
            }
            assert!(here.iter().all(|one| !one.about.is_empty()) && here.len() >= 11, "{id}: {}", here.len());
        }
        for row in &suite.published.rows {
            assert!(row.scores.keys().all(|id| suite.environments.contains(id)), "{}", row.method);
        }
        for planner in &suite.quick.planners {
            assert!(suite.planners().contains(&planner.as_str()), "{planner}");
        }
    }

    /// Its environment needs MuJoCo, so policies are held against what is listed, which does not.
    #[test]
    fn the_suite_of_reward_leads_one_checkpoint_by_every_way_to_ask_for_reward() {
        let suite = Suite::load("reward").unwrap();
        assert_eq!(
            (suite.environments.as_slice(), suite.episodes),
            (["half-cheetah-v5".into()].as_slice(), Some(20))
        );
        let entry = forethought_envs::entry("half-cheetah-v5").unwrap();
        for variant in &suite.variants {
            let plans = variant.source == Source::Checkpoint;
            let sets = |key: &str| variant.set.iter().filter(|set| set.starts_with(key)).count();
            let said = ["plan.wanted_return=", "plan.guidance.scale=", "plan.rank.candidates="];
            assert_eq!(said.map(sets), [usize::from(plans); 3], "{}", variant.planner);
            let policy = variant.planner.as_str();
            assert!(plans || policy == "random" || entry.policies().contains(&policy), "{policy}");
            assert!(!variant.about.is_empty(), "{policy}");
        }
        for planner in &suite.quick.planners {
            assert!(suite.planners().contains(&planner.as_str()), "{planner}");
        }
        assert_eq!(Suite::serving("half-cheetah-v5").unwrap().name, "reward");
    }

    #[test]
    fn an_environment_is_served_by_the_suite_that_knows_it() {
        let serving = |id: &str| Suite::serving(id).unwrap().name;
        assert_eq!((serving("multi2d-large-v1").as_str(), serving("pendulum").as_str()), ("maze2d", "any"));
        let mazes = serving("pointmaze-teleport-stitch-v0");
        assert_eq!((mazes.as_str(), serving("toy-car-v0").as_str()), ("ogbench-pointmaze", "uncertainty"));
    }

    #[test]
    fn what_is_wrong_with_a_suite_is_said() {
        let good = "title = 't'\nbaseline = 'a'\n[[variants]]\nplanner = 'a'\n";
        assert_eq!(Suite::parse("x/own.toml", good).unwrap().name, "own");
        for (text, says) in [
            (good.replace("'a'\n[", "'b'\n["), "baseline `b`"),
            (good.to_owned() + "[[variants]]\nplanner = 'a'\n", "two variants are called `a`"),
            (good.to_owned() + "contoller = 'pd'\n", "contoller"),
            (
                good.replace("baseline", "environments = ['toy-car-v0']\nbaseline") + "only = ['maze2d-']\n",
                "`a` is for none",
            ),
        ] {
            let message = Suite::parse("own.toml", &text).unwrap_err().to_string();
            assert!(message.contains(says) && message.contains("own.toml"), "{message}");
        }
        let message = Suite::load("maze2").unwrap_err().to_string();
        assert!(message.contains("did you mean `maze2d`?"), "{message}");
    }
}
