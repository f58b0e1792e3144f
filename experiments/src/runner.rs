//! Scores what is not there yet, and keeps what is: the one runner behind `eval`.

mod resume;
mod unfinished;

use std::path::{Path, PathBuf};

use forethought_agent::{ClosingReport, EpisodeRecord, Latency};
use forethought_envs::{EnvSpec, file_name, make};
use forethought_policies::learned::LearnedPolicy;
use forethought_policies::{PolicyError, make_policy};

use crate::canonical::canonical;
use crate::configuration::{CONTROLLER, Configuration};
use crate::device::DeviceName;
use crate::failure::Failure;
use crate::output::OutputDir;
use crate::placed::Ends;
use crate::planning::{self, LoadedPlanner};
use crate::program::Launch;
use crate::progress::Bar;
use crate::resolve::{file_stem, short};
use crate::results::{self, COMMIT, Episode, Made, Record, Results, VERSION};
use crate::scoring::{self, Episodes, Simulation, Starts};
use crate::suite::{Source, serves};
use crate::variants::Variant;
use crate::{progress, shipped};

/// What is to be scored.
pub struct Request<'a> {
    /// Environments.
    pub environments: &'a [String],
    /// Variants of each.
    pub variants: &'a [Variant],
    /// Episodes of each variant.
    pub episodes: Episodes,
    /// Where they begin and end.
    pub ends: &'a Ends,
    /// Configuration file and overrides that all share.
    pub config: Option<&'a Path>,
    /// The same as `--set` takes them.
    pub overrides: &'a [String],
    /// Where to compute.
    pub device: DeviceName,
    /// Whether records of other commits of the program are kept.
    pub any_commit: bool,
    /// Whether what cannot be scored in an environment is refused, not left out.
    pub strict: bool,
    /// Whether loops that do not wait for the planner are recorded.
    pub recordings: bool,
    /// Without a progress bar.
    pub quiet: bool,
}

/// Shown every finished variant.
pub type Seen<'a> = &'a mut dyn FnMut(Finished<'_>) -> Result<(), Failure>;

/// A variant that was scored.
#[derive(Clone, Copy)]
pub struct Finished<'a> {
    /// Its environment.
    pub spec: &'a EnvSpec,
    /// What is kept of it.
    pub record: &'a Record,
    /// Its episodes; of a program, those that were played now.
    pub episodes: &'a [EpisodeRecord],
    /// What the loop says of them, where the world did not wait for the planner.
    pub report: Option<&'a ClosingReport>,
}

/// One variant in one environment.
pub struct Job {
    /// Which variant.
    pub variant: usize,
    /// Which place.
    pub place: usize,
    /// The record's name, the variant's.
    pub name: String,
    /// The earlier job that came to the same settings.
    pub same_as: Option<String>,
    /// What it stands for.
    pub made: Made,
    /// What it is run with.
    pub means: Means,
    /// Whether an earlier run left it.
    pub kept: bool,
}

/// What episodes are run with.
pub enum Means {
    /// A planner of the place, by its index, under this configuration.
    Checkpoint(usize, Box<Configuration>),
    /// The environment's own dynamics.
    Simulator(Simulation),
    /// A policy that plans nothing.
    Policy(String),
    /// A policy that was learned from data.
    Learned(Box<LearnedPolicy>),
    /// A process of the user's.
    Program(Launch),
}

/// An environment with its planners.
pub struct Place {
    /// The environment.
    pub spec: EnvSpec,
    /// Its planners by the path that named them.
    pub loaded: Vec<(PathBuf, LoadedPlanner)>,
}

/// Everything that is to be done, with what an earlier run left.
pub struct Agenda {
    /// Environments.
    pub places: Vec<Place>,
    /// What is asked for.
    pub jobs: Vec<Job>,
    /// What is there.
    pub results: Results,
    /// What is said before it begins.
    pub notes: Vec<String>,
}

/// Loads checkpoints, tries every setting, and compares with what an earlier run left: what is wrong with any of
/// it is said before something is written or removed.
///
/// # Errors
/// [`Failure`] for what cannot be scored as asked.
pub fn prepare(request: &Request<'_>, earlier: Option<Results>) -> Result<Agenda, Failure> {
    let Episodes { first_seed, count, .. } = request.episodes;
    let ends = request.ends.clone();
    let results = Results { first_seed, episodes: count, ends, ..Results::default() };
    let earlier = earlier.unwrap_or_else(|| results.clone());
    let asked = (first_seed, count, request.ends);
    if !earlier.records.is_empty() && (earlier.first_seed, earlier.episodes, &earlier.ends) != asked {
        return Err(Failure::refused(format!(
            "the folder holds {} episodes from seed {}, and {count} from seed {first_seed} are asked for, or others of \
             --start, --goal and --task: choose another folder with --out, or replace them with --force",
            earlier.episodes, earlier.first_seed
        )));
    }
    let mut agenda = Agenda {
        places: Vec::new(),
        jobs: Vec::new(),
        results: Results { layout: earlier.layout.clone(), ..results },
        notes: Vec::new(),
    };
    for id in request.environments {
        request.ends.check(id)?;
        agenda.add_place(request, id)?;
    }
    for (environment, variant) in &earlier.unsound {
        agenda.notes.push(format!(
            "the episodes of `{variant}` in {environment} are not those that the protocol seals (an interrupted write, \
             damage or an edit), and do not count any more"
        ));
    }
    agenda.compare(earlier, request.any_commit)?;
    Ok(agenda)
}

impl Agenda {
    fn add_place(&mut self, request: &Request<'_>, id: &str) -> Result<(), Failure> {
        let spec = make(id)?.spec().clone();
        let (mut place, at) = (Place { spec, loaded: Vec::new() }, self.places.len());
        for (variant, asked) in request.variants.iter().enumerate() {
            if !serves(&asked.only, id) {
                if request.strict {
                    let (name, only) = (&asked.planner, asked.only.join(" or "));
                    return Err(Failure::refused(format!(
                        "`{name}` is for environments whose names begin with {only}, not for `{id}`: leave it out"
                    )));
                }
                continue;
            }
            let Some((means, made)) = place.prepare(request, asked, &mut self.notes)? else { continue };
            let same = |job: &&Job| job.place == at && job.same_as.is_none() && job.made == made;
            let same_as = self.jobs.iter().find(same).map(|job| job.name.clone());
            let name = asked.name.clone();
            self.jobs.push(Job { variant, place: at, name, same_as, made, means, kept: false });
        }
        self.places.push(place);
        Ok(())
    }

    /// How many are due.
    pub fn due(&self) -> usize {
        self.jobs.iter().filter(|job| job.is_due()).count()
    }

    /// Scores what is due; each result is written as soon as it is there. `seen` is shown every finished job with
    /// its episodes.
    ///
    /// # Errors
    /// [`Failure`] for what fails on the way.
    pub fn run(&mut self, request: &Request<'_>, out: &OutputDir, seen: Seen<'_>) -> Result<(), Failure> {
        // An earlier record stands, with the commit and the settings that made it, until its successor is there; and
        // with --force an earlier run's files, until there is anything to put in their place.
        if !self.results.records.is_empty() {
            results::write(out, &self.results)?;
        }
        let Self { places, jobs, results, .. } = self;
        let steps = |place: usize| {
            (request.episodes.count * places[place].spec.max_episode_steps.unwrap_or(1)) as u64
        };
        let total = jobs.iter().filter(|job| job.is_due()).map(|job| steps(job.place)).sum();
        let ends: Vec<u64> = jobs.iter().map(|job| steps(job.place)).collect();
        let bar = progress::bar(total, "environment steps", request.quiet);
        // Programs first, as nobody has tried them; then policies, as they take no time; then variant by variant, so that a
        // run that is stopped early leaves rows that are complete.
        let mut order: Vec<usize> = (0..jobs.len()).filter(|&at| jobs[at].is_due()).collect();
        let turn = |means: &Means| match means {
            Means::Program(_) => 0,
            Means::Policy(_) => 1,
            _ => 2,
        };
        order.sort_by_key(|&at| (turn(&jobs[at].means), jobs[at].variant));
        for at in order {
            let (job, began) = (&jobs[at], bar.position());
            let place = &mut places[job.place];
            bar.set_message(format!("{}: {}", short(&place.spec.id), job.name));
            let (seeds, before) = (request.episodes.seeds(), request.episodes.seeds_before());
            let starts = Starts { seeds: &seeds, before: &before, ends: request.ends };
            let recording = match &job.means {
                Means::Checkpoint(_, configuration)
                    if request.recordings && configuration.simulation.latency != Latency::Frozen =>
                {
                    let (environment, variant) = (file_name(&place.spec.id), file_stem(&job.name));
                    Some(out.reserve(&format!("loops/{environment}--{variant}.txt"))?)
                }
                _ => None,
            };
            let (earlier, episodes, report) = match &job.means {
                Means::Program(launch) => {
                    let each = ends[at] / request.episodes.count.max(1) as u64;
                    let mut told = |done: usize| bar.set_position(began + done as u64 * each);
                    let played = unfinished::play(launch, &job.made, (&place.spec, &starts, out), &mut told)?;
                    (played.0, played.1, None)
                }
                _ => {
                    let (episodes, report) =
                        job.episodes(place, &starts, request.device, recording.as_deref(), &bar)?;
                    (Vec::new(), episodes, report)
                }
            };
            bar.set_position(began + ends[at]);
            let record = job.record(&place.spec, request.ends, earlier, &episodes)?;
            let (spec, report) = (&place.spec, report.as_ref());
            seen(Finished { spec, record: &record, episodes: &episodes, report })?;
            results.put(record);
            results::write(out, results)?;
            if matches!(job.means, Means::Program(_)) {
                unfinished::done(out, &job.made, &job.name)?;
            }
        }
        bar.finish();
        for job in jobs.iter().filter(|job| job.same_as.is_some()) {
            let own = job.same_as.as_ref().and_then(|name| results.record(&job.made.environment, name));
            if let Some(own) = own.cloned() {
                results.put(Record { variant: job.name.clone(), same_as: job.same_as.clone(), ..own });
            }
        }
        results::write(out, results)
    }
}

impl Job {
    /// Whether it must be scored.
    pub fn is_due(&self) -> bool {
        !self.kept && self.same_as.is_none()
    }

    fn episodes(
        &self,
        place: &mut Place,
        starts: &Starts<'_>,
        device: DeviceName,
        recording: Option<&Path>,
        bar: &Bar,
    ) -> Result<(Vec<EpisodeRecord>, Option<ClosingReport>), Failure> {
        let began = bar.position();
        let mut told = |done: usize, _: usize| {
            bar.set_position(began + done as u64);
            true
        };
        let Place { spec, loaded } = place;
        match &self.means {
            Means::Checkpoint(at, configuration) => {
                let Some((_, loaded)) = loaded.get_mut(*at) else {
                    return Err(Failure::broken(format!("{} has no checkpoint to plan with", spec.id)));
                };
                if configuration.simulation.latency != Latency::Frozen {
                    let driven = scoring::in_real_time(
                        loaded,
                        spec,
                        configuration,
                        device,
                        recording,
                        starts,
                        &mut told,
                    )?;
                    return Ok((driven.0, Some(driven.1)));
                }
                scoring::with_checkpoint(loaded, spec, configuration, starts, &mut told)
            }
            Means::Simulator(simulation) => scoring::simulated(simulation, spec, starts, &mut told),
            Means::Policy(name) => {
                let mut policy = make_policy(name, spec)?;
                scoring::reference(policy.as_mut(), spec, starts, &mut |_, _| true)
            }
            Means::Learned(policy) => {
                let each = spec.max_episode_steps.unwrap_or(1);
                let mut by_episodes = |done: usize, total: usize| told(done * each, total * each);
                scoring::reference(&mut policy.as_ref().clone(), spec, starts, &mut by_episodes)
            }
            Means::Program(launch) => Err(Failure::broken(format!(
                "program `{}` is played where its episodes are kept",
                launch.name()
            ))),
        }
        .map(|episodes| (episodes, None))
    }

    /// `earlier` are episodes that an earlier run left.
    fn record(
        &self,
        spec: &EnvSpec,
        ends: &Ends,
        earlier: Vec<Episode>,
        records: &[EpisodeRecord],
    ) -> Result<Record, Failure> {
        let now = records.iter().map(|record| scoring::episode(record, spec, ends));
        Ok(Record {
            variant: self.name.clone(),
            same_as: None,
            made: self.made.clone(),
            commit: COMMIT.into(),
            version: VERSION.into(),
            planning: scoring::planning_of(records),
            times: None,
            foretold: scoring::foretold_in(records),
            episodes: earlier.into_iter().map(Ok).chain(now).collect::<Result<_, _>>()?,
        })
    }
}

impl Place {
    /// What a variant is run with here, and what it stands for; `None` where it has no place.
    fn prepare(
        &mut self,
        request: &Request<'_>,
        asked: &Variant,
        notes: &mut Vec<String>,
    ) -> Result<Option<(Means, Made)>, Failure> {
        let made = Made {
            environment: self.spec.id.clone(),
            layout_hash: self.spec.layout_hash.clone(),
            source: String::new(),
            checkpoint: None,
            device: DeviceName::Cpu.to_string(),
            settings: serde_json::Value::Null,
        };
        match asked.source {
            Source::Policy if asked.checkpoint.is_some() => Ok(self.learned(request, asked, made, notes)?),
            Source::Policy if !request.strict && !scoring::knows(&asked.planner, &self.spec) => Ok(None),
            Source::Policy => Ok(Some((
                Means::Policy(asked.planner.clone()),
                Made { source: asked.planner.clone(), ..made },
            ))),
            Source::Program => Ok(asked.program.clone().map(|launch| {
                let settings = launch.identity();
                (Means::Program(launch), Made { source: "program".into(), settings, ..made })
            })),
            Source::Simulator => {
                let own = Simulation::default();
                let controller = asked.controller.clone().unwrap_or_else(|| own.controller.clone());
                let simulation = Simulation { controller, ..own };
                let made = Made { source: "simulator".into(), settings: canonical(&simulation)?, ..made };
                Ok(Some((Means::Simulator(simulation), made)))
            }
            Source::Checkpoint => {
                let missing = asked.checkpoint.is_none() && shipped::checkpoint(&self.spec.id).is_none();
                if missing && !request.strict {
                    let note = format!(
                        "no checkpoint comes with {}: nothing that needs one was scored",
                        short(&self.spec.id)
                    );
                    if !notes.contains(&note) {
                        notes.push(note);
                    }
                    return Ok(None);
                }
                self.checkpoint(request, asked, made).map(Some)
            }
        }
    }

    /// A learned policy, where it was trained for this place.
    fn learned(
        &self,
        request: &Request<'_>,
        asked: &Variant,
        made: Made,
        notes: &mut Vec<String>,
    ) -> Result<Option<(Means, Made)>, Failure> {
        let Some(folder) = &asked.checkpoint else { return Ok(None) };
        let policy = match LearnedPolicy::load(folder, &self.spec) {
            Ok(policy) => policy,
            Err(error @ PolicyError::Unsuitable { .. }) if !request.strict => {
                notes.push(format!("{}: {error}: left out", folder.display()));
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let manifest = policy.manifest();
        let made = Made {
            source: "learned policy".into(),
            checkpoint: Some(manifest.weights_sha256.clone()),
            settings: canonical(&manifest.config)?,
            ..made
        };
        Ok(Some((Means::Learned(Box::new(policy)), made)))
    }

    fn checkpoint(
        &mut self,
        request: &Request<'_>,
        asked: &Variant,
        made: Made,
    ) -> Result<(Means, Made), Failure> {
        let path = match &asked.checkpoint {
            Some(path) => path.clone(),
            None => shipped::checkpoint_or_refusal(&self.spec.id)?,
        };
        let controller = asked.controller.iter().map(|name| format!("{CONTROLLER}={name}"));
        let overrides: Vec<String> =
            request.overrides.iter().cloned().chain(controller).chain(asked.set.iter().cloned()).collect();
        let at = match self.loaded.iter().position(|(own, _)| *own == path) {
            Some(at) => at,
            None => {
                let loaded = planning::load(Some(&path), &self.spec, request.device)?;
                self.loaded.push((path, loaded));
                self.loaded.len() - 1
            }
        };
        let loaded = &mut self.loaded[at].1;
        let configuration = loaded.configure(&self.spec, request.config, &overrides)?;
        let made = Made {
            source: "checkpoint".into(),
            checkpoint: Some(loaded.hash.clone()),
            device: request.device.to_string(),
            settings: configuration.acting()?,
            ..made
        };
        Ok((Means::Checkpoint(at, Box::new(configuration)), made))
    }
}
