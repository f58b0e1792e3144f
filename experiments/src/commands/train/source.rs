//! What is trained on: the data, and the environment that they come from.

use std::path::{Path, PathBuf};

use forethought_envs::data::{Dataset, FixedGoal, ReadOptions, check_inside, read_data};
use forethought_envs::{EnvError, EnvSpec, Start, TaskConfig, TaskKind, make};
use forethought_planner::{ModelConfig, PlannerError};

use crate::cli::TrainArgs;
use crate::configuration::Configuration;
use crate::failure::Failure;
use crate::settings::Layer;
use crate::{described, resolve, shipped};

/// Data ready to train on.
pub struct Source {
    /// The data file or folder.
    pub path: PathBuf,
    /// What the run is called: the environment, or the data file where no registered environment is meant.
    pub name: String,
    /// The environment.
    pub spec: EnvSpec,
    /// Rows that follow one another.
    pub dataset: Dataset,
    /// Observations that were recorded twice and put back.
    pub put_back: usize,
    /// What plans are for.
    pub task: TaskConfig,
    /// Settings.
    pub configuration: Configuration,
    /// The shape of sequences that the data suggest, where nobody has made settings for them.
    pub proposed: Option<Shape>,
}

/// How a sequence is cut, by how long episodes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    frames_per_token: usize,
    chunks: usize,
    /// Rows of the episode that has half of all rows in episodes as short, or shorter.
    median: usize,
}

impl Shape {
    /// Whether a model has it.
    pub fn is_of(&self, model: &ModelConfig) -> bool {
        (self.frames_per_token, self.chunks) == (model.frames_per_token, model.chunks)
    }

    fn layer(&self) -> Layer {
        let Self { frames_per_token, chunks, .. } = self;
        let text = format!("[model]\nframes_per_token = {frames_per_token}\nchunks = {chunks}\n");
        Layer { name: "the shape that the data suggest".into(), text }
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { frames_per_token, chunks, median } = self;
        write!(
            f,
            "sequences of {chunks} chunks of {frames_per_token} frames, as half of the data are episodes of {median} rows or fewer; others by \
             model.chunks and model.frames_per_token"
        )
    }
}

/// A sequence as long as the median episode, in 16 chunks of at most 10 frames, as elsewhere; of short episodes, chunks so short
/// that nine rows in ten lie in an episode that holds one. Episodes count by their rows, so that a stub or two decide nothing. None
/// where there are no episodes.
fn shape(dataset: &Dataset) -> Option<Shape> {
    let usual = ModelConfig::default();
    // The last row of an episode is what the last action led to.
    let mut frames: Vec<usize> =
        dataset.trajectories(true).iter().map(|run| run.len().saturating_sub(1)).filter(|f| *f > 0).collect();
    frames.sort_unstable();
    let all: usize = frames.iter().sum();
    let length_at = |share: f64| {
        let mut passed = 0_usize;
        frames.iter().copied().find(|frames| {
            passed = passed.saturating_add(*frames);
            passed as f64 >= share * all as f64
        })
    };
    let (median, tenth) = (length_at(0.5)?, length_at(0.1)?);
    let frames_per_token = median.div_ceil(usual.chunks).min(usual.frames_per_token).clamp(1, tenth);
    let chunks = median.div_ceil(frames_per_token).min(usual.chunks);
    Some(Shape { frames_per_token, chunks, median: median + 1 })
}

/// Opens the data that were asked for. A registered environment may be named by the user or by the file; any other
/// file is taken for what it says of itself.
pub fn open(args: &TrainArgs) -> Result<Source, Failure> {
    let typed = args.environment.as_deref().or(args.maze.as_deref());
    let typed = typed.map(resolve::environment_id).transpose()?;
    // An unknown name or setting is refused before anything is read.
    let mut goal = None;
    if let Some(id) = &typed {
        let mut environment = make(id).map_err(|error| match &args.data {
            Some(_) => Failure::refused(format!("{error}; leave the name out to train on the data alone")),
            None => error.into(),
        })?;
        environment.reset(&Start::seed(0))?;
        goal = environment.task().condition().map(|condition| FixedGoal {
            entries: condition.entries.to_vec(),
            values: condition.values.to_vec(),
        });
    }
    let configuration = |id: &str| {
        resolve::configuration(id, shipped::configuration(id), args.config.as_deref(), &args.overrides)
    };
    configuration(typed.as_deref().unwrap_or_default())?;
    let path = match (&args.data, &typed) {
        (Some(path), _) => path.clone(),
        (None, Some(id)) => resolve::data_file(id),
        (None, None) => {
            return Err(Failure::refused(
                "what to train on is missing: name an environment, or a data file with --data",
            ));
        }
    };
    let there = path.try_exists().map_err(|error| {
        Failure::broken(format!("{} cannot be looked at: {error}; check its permissions", path.display()))
    })?;
    if !there {
        let remedy = match &typed {
            Some(id) => format!("make one with `forethought collect {id}`, or name one with --data"),
            None => "check the path".into(),
        };
        return Err(Failure::broken(format!("no data file at {}: {remedy}", path.display())));
    }
    let (said_in, said) = described::description(args.describe.as_deref(), &path)?;
    let asked = described::options(&said);
    let options = ReadOptions { env_id: asked.env_id.clone().or_else(|| typed.clone()), goal, ..asked };
    let mut dataset = read_data(&path, &options)?;
    let put_back = dataset.repair_stale_observations().map_err(|error| naming(&path, error))?;
    let own_name = said.environment.clone().unwrap_or_else(|| dataset.env_id.clone());
    let registered = typed.clone().or_else(|| make(&own_name).is_ok().then(|| own_name.clone()));
    if let Some(id) = registered {
        let configuration = configuration(&id)?;
        let spec = make(&id)?.spec().clone();
        if let (Some(file), Some(key)) = (said_in, said.of_the_environment().first()) {
            return Err(Failure::refused(format!(
                "{} gives {key}, which `{id}` has already: leave it out, or leave `{id}` out of the command and name \
                 another environment in the file",
                file.display()
            )));
        }
        of_this_environment(&path, &dataset, &spec)?;
        check_inside(&dataset, &spec).map_err(|error| naming(&path, error))?;
        let task = make(&id)?.task();
        let task = task.condition().map_or_else(TaskConfig::default, |condition| {
            TaskConfig::goal(condition.entries, task.tolerance())
        });
        return Ok(Source { path, name: id, spec, dataset, put_back, task, configuration, proposed: None });
    }
    let stem = path.file_stem().map_or_else(|| "data".into(), |stem| stem.to_string_lossy().into_owned());
    let said = said.or(&dataset.metadata.description);
    let id = if own_name.is_empty() { &stem } else { &own_name };
    let spec = said.spec(id, &dataset).map_err(|error| naming(said_in.as_deref().unwrap_or(&path), error))?;
    let proposed = shape(&dataset);
    let base = shipped::configuration(&spec.id).or_else(|| proposed.as_ref().map(Shape::layer));
    let mut configuration = resolve::configuration(&spec.id, base, args.config.as_deref(), &args.overrides)?;
    let task = said.task.unwrap_or_default();
    // Returns are planned with rewards, or not at all.
    configuration.model.reward |= task.kind == TaskKind::Return;
    Ok(Source { path, name: stem, spec, dataset, put_back, task, configuration, proposed })
}

/// Refuses data of another environment.
fn of_this_environment(path: &Path, dataset: &Dataset, spec: &EnvSpec) -> Result<(), Failure> {
    let (file, id, theirs) = (path.display(), &spec.id, &dataset.env_id);
    let widths = [dataset.observation_dim, dataset.action_dim];
    let wanted = [spec.observation.len(), spec.action.len()];
    if widths != wanted {
        return Err(Failure::broken(format!(
            "{file} holds observations of {} and actions of {} numbers, `{id}` has {} and {}: leave the name out to \
             train on the data alone, or name other data with --data",
            widths[0], widths[1], wanted[0], wanted[1]
        )));
    }
    // The hash tells more than the name: one maze serves several tasks.
    let hash = match &dataset.metadata.layout_hash {
        Some(hash) => Some(hash.clone()),
        None if theirs == id => None,
        None => match make(theirs) {
            Ok(other) => other.spec().layout_hash.clone(),
            Err(_) => {
                return Err(Failure::broken(format!(
                    "{file} says that it holds data of `{theirs}`, not of `{id}`: leave the name out to train on the \
                     data alone, or name other data with --data"
                )));
            }
        },
    };
    if hash.is_some() && hash != spec.layout_hash {
        return Err(Failure::broken(format!(
            "{file} holds data of `{theirs}`, whose layout or physics are not those of `{id}`: name other data with \
             --data, or train for `{theirs}`"
        )));
    }
    Ok(())
}

/// An error about data in memory, as one about their file.
pub fn naming(path: &Path, error: EnvError) -> Failure {
    match error {
        EnvError::Data { problem, .. } => EnvError::Data { path: path.into(), problem }.into(),
        other => other.into(),
    }
}

/// The same for an error of training.
pub fn naming_planner(path: &Path, error: PlannerError) -> Failure {
    match error {
        PlannerError::Env(error) => naming(path, error),
        other => other.into(),
    }
}
