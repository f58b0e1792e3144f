//! `forethought replay`: a recorded loop, driven again.

use forethought_agent::{
    AgentSettings, EpisodeRecord, LoadedCheckpoint, PlanRecord, RecordedEpisode, Recording, Replayed,
    goal_task, replay,
};
use forethought_envs::{SharedTask, make};
use serde_json::json;

use super::scene;
use crate::cli::ReplayArgs;
use crate::device::DeviceName;
use crate::failure::Failure;
use crate::output::{ExistingPolicy, OutputDir};
use crate::photographs::Studio;
use crate::{console, picture, shipped};

/// Carries out the command.
pub fn run(args: &ReplayArgs) -> Result<(), Failure> {
    let viewer = viewer::begin(args)?;
    let recording = Recording::read(&args.recording)?;
    let header = &recording.header;
    let spec = make(&header.environment)?.spec().clone();
    let path = match &args.checkpoint {
        Some(path) => path.clone(),
        None if header.checkpoint.is_dir() => header.checkpoint.clone(),
        None => shipped::checkpoint_or_refusal(&spec.id)?,
    };
    let device = DeviceName::Cpu;
    let checkpoint = LoadedCheckpoint::load(&path, &device.open()?)?;
    if checkpoint.hash() != header.weights {
        return Err(Failure::refused(format!(
            "{} holds other weights than the recording was made with (SHA-256 {}): name the right one with --checkpoint",
            path.display(),
            header.weights
        )));
    }
    let settings: AgentSettings = serde_json::from_value(header.settings.clone())
        .map_err(|error| Failure::refused(format!("{}: settings: {error}", args.recording.display())))?;
    let controller = checkpoint.controller(&settings.control, &spec)?;
    let horizon = settings.control.execution_horizon;
    let planner = checkpoint.planner(&spec, settings.plan, device.threads())?;
    // A task that is for no place is the environment's own.
    let own = make(&header.environment)?.task();
    let mut task =
        |episode: &RecordedEpisode| Ok(goal_task(episode).unwrap_or_else(|| SharedTask::clone(&own)));
    let out = match &args.out {
        Some(path) => {
            let policy = if args.force { ExistingPolicy::ReplaceOurs } else { ExistingPolicy::Refuse };
            Some(OutputDir::create(path, policy)?)
        }
        None => None,
    };
    let planner = viewer::watched(planner, viewer.is_some());
    let replayed = replay(&recording, planner, controller, &spec, horizon, &mut task)?;
    let mut files = Vec::new();
    if let Some(viewer) = viewer {
        files.push(viewer::write(viewer, &recording, &replayed)?);
    }
    if let Some(out) = &out {
        let (scene, mut studio) = (scene(&spec), Studio::large());
        for episode in &recording.episodes {
            let record = drawn(episode, &recording, &replayed);
            let plan = record.plans.len().checked_sub(1).map(|last| last / 2);
            let mark = format!("-{}", episode.begin.epoch);
            if let Some(scene) = &scene {
                let text = picture::episode(&record, scene, plan, None).text;
                files.push(out.write_text(&format!("episode{mark}.svg"), &text)?);
            }
            let task = || Ok(goal_task(episode).unwrap_or_else(|| SharedTask::clone(&own)));
            for (name, bytes) in studio.episode(&spec, &record, plan, &mark, task) {
                files.push(out.write(&name, &bytes)?);
            }
        }
    }
    tell(args, &recording, &replayed, &files)
}

fn tell(
    args: &ReplayArgs,
    recording: &Recording,
    replayed: &Replayed,
    files: &[std::path::PathBuf],
) -> Result<(), Failure> {
    let Replayed { ticks, plans, differs, .. } = replayed;
    if args.json {
        let differs = differs.as_ref().map(|(line, command)| {
            json!({ "epoch": line.epoch, "tick": line.tick, "recorded": line.command, "now": command })
        });
        console::json(
            &json!({ "environment": recording.header.environment, "episodes": recording.episodes.len(),
            "ticks": ticks, "plans": plans, "differs": differs, "files": console::all_shown(files) }),
        )?;
    } else {
        console::line(format_args!(
            "{}: {} episodes, {ticks} ticks, {plans} plans made again",
            recording.header.environment,
            recording.episodes.len()
        ))?;
        files.iter().try_for_each(|file| console::line(format_args!("{}", file.display())))?;
    }
    if recording.cut {
        console::note(format_args!(
            "{} ends in the middle of a line: what is whole was driven again",
            recording.path.display()
        ));
    }
    match differs {
        None if args.json => Ok(()),
        None => console::line(format_args!("every command is the recorded one, bit for bit")),
        Some((line, command)) => Err(Failure::broken(format!(
            "tick {} of episode {} comes out otherwise: {:?} ({}) was commanded, and now {:?}; the file was changed, or another \
             processor, another version of the program (the recording is of {}) or another planner rounds otherwise",
            line.tick,
            line.epoch,
            line.command,
            line.rung.name(),
            command.as_deref().unwrap_or_default(),
            recording.header.version
        ))),
    }
}

/// Rerun's viewer, where it is built in.
#[cfg(feature = "rerun")]
mod viewer {
    use std::path::PathBuf;

    use forethought_agent::{Recording, Replayed};
    use forethought_planner::Planner;

    use crate::cli::ReplayArgs;
    use crate::failure::Failure;
    use crate::rerun::{self, RerunError, RrdFile, Traced};

    pub fn begin(args: &ReplayArgs) -> Result<Option<RrdFile>, RerunError> {
        args.rerun.as_deref().map(|path| RrdFile::begin(path, args.force)).transpose()
    }

    pub fn watched(planner: impl Planner + 'static, watched: bool) -> Box<dyn Planner> {
        if watched { Box::new(Traced(planner)) } else { Box::new(planner) }
    }

    pub fn write(file: RrdFile, recording: &Recording, replayed: &Replayed) -> Result<PathBuf, Failure> {
        let scene = forethought_envs::scene(&recording.header.environment);
        Ok(rerun::export(file, recording, replayed, scene.as_ref())?)
    }
}

/// Rerun's viewer, where it is not built in: asked for, it is refused.
#[cfg(not(feature = "rerun"))]
mod viewer {
    use std::convert::Infallible;
    use std::path::PathBuf;

    use forethought_agent::{Recording, Replayed};
    use forethought_planner::Planner;

    use crate::cli::ReplayArgs;
    use crate::failure::Failure;

    pub fn begin(args: &ReplayArgs) -> Result<Option<Infallible>, Failure> {
        match args.rerun {
            None => Ok(None),
            Some(_) => Err(Failure::refused(
                "this program was built without Rerun: rebuild with `cargo build --release --features rerun`, or leave out --rerun",
            )),
        }
    }

    pub fn watched(planner: impl Planner + 'static, _watched: bool) -> Box<dyn Planner> {
        Box::new(planner)
    }

    pub fn write(file: Infallible, _recording: &Recording, _replayed: &Replayed) -> Result<PathBuf, Failure> {
        match file {}
    }
}

/// An episode as pictures know them.
fn drawn(episode: &RecordedEpisode, recording: &Recording, replayed: &Replayed) -> EpisodeRecord {
    let rows = |values: &[f64], frames: usize| -> Vec<Vec<f64>> {
        let width = values.len().checked_div(frames).unwrap_or(0).max(1);
        values.chunks_exact(width).map(<[f64]>::to_vec).collect()
    };
    let of_episode = replayed.followed.iter().filter(|followed| followed.epoch == episode.begin.epoch);
    let plans = of_episode.map(|followed| PlanRecord {
        first_step: followed.tick as usize,
        observations: rows(&followed.plan.observations, followed.plan.frames),
        score: followed.plan.score,
        rows: followed.plan.stats.rows,
        ..PlanRecord::default()
    });
    let goal: Vec<f64> = episode.begin.goal.iter().map(|(_, value)| *value).collect();
    EpisodeRecord {
        env_id: recording.header.environment.clone(),
        seed: episode.begin.seed,
        controller: "replay".into(),
        goal: (!goal.is_empty()).then_some(goal),
        goal_radius: Some(episode.begin.tolerance),
        observations: episode.ticks.iter().map(|line| line.observation.clone()).collect(),
        actions: episode.ticks.iter().map(|line| line.command.clone()).collect(),
        plans: plans.collect(),
        ..EpisodeRecord::default()
    }
}
