//! A sensor that fails now and then.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use crate::environment::check_finite;
use crate::{EnvError, EnvSpec, Environment, SharedTask, Simulator, Snapshot, Start, Transition};

/// Keeps these draws apart from those of the environment inside, which has the same seed.
const SENSOR_STREAM: u64 = 0x7365_6e73 << 32;

/// What a failing sensor shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum DisturbanceKind {
    /// What it showed last before it failed.
    Held,
    /// The middle of its range; where that has no end, 0 or the number of the range that is nearest to 0.
    Blank,
    /// What is there with normal noise, drawn anew in each step, and no more than its range.
    Noise {
        /// Standard deviation, in the unit of each entry.
        sd: f64,
    },
}

/// How often a sensor fails, for how long, and what it shows then.
#[derive(Clone, Debug, PartialEq)]
pub struct Disturbance {
    /// What is shown.
    pub kind: DisturbanceKind,
    /// Share of the steps in which it fails, in the long run, 0 to 1.
    pub share: f64,
    /// Steps of a burst, in which it fails without a break.
    pub length: usize,
    /// Names of the features that it is to show.
    pub features: Vec<String>,
}

/// Owns an environment and shows some features of its observations as a failing sensor does. State, rewards, success and task are
/// untouched.
///
/// An episode begins with all in order. Before each later step that no burst lasts into, one of `length` steps `L` begins
/// with probability `p = s / (s + (1 - s) L)`, from the episode's seed: between bursts lie `(1 - p) / p` steps in the
/// mean, and so the share of failing steps is `L / (L + (1 - p) / p) = s` in the long run.
///
/// [`Environment::seen`] is 0 in a burst of held or blank entries. In noise it is the share of signal in the variance of what
/// is shown, `v / (v + sd^2)`, of the entry of which the least is left; `v` is taken to be that of a uniform variable within
/// the entry's bounds, a twelfth of their distance squared.
#[derive(Clone, Debug)]
pub struct Disturbed<E> {
    inner: E,
    kind: DisturbanceKind,
    length: usize,
    /// Probability with which a burst begins.
    begins: f64,
    /// What is seen in a burst.
    level: f64,
    /// Whether an entry is the sensor's, and what it shows when blank.
    sensor: Vec<Option<f64>>,
    shown: Vec<f64>,
    seed: u64,
    steps: u64,
    /// Steps that are left of the burst.
    left: usize,
    failing: bool,
    /// Set where the environment inside can be saved, so that the whole can be.
    simulator: Option<AsSimulator<E>>,
}

type AsSimulator<E> = for<'a> fn(&'a mut Disturbed<E>) -> &'a mut (dyn Simulator + 'a);

impl<E: Simulator> Disturbed<E> {
    /// `inner` behind such a sensor. The specification stays what it is, the name included.
    ///
    /// # Errors
    /// [`EnvError::Mismatch`] for a feature that there is not, or none at all; for a share outside of 0 to 1, a burst of no
    /// steps, a standard deviation that is not positive, and noise on entries without bounds.
    pub fn new(inner: E, disturbance: &Disturbance) -> Result<Self, EnvError> {
        Ok(Self { simulator: Some(|this| this), ..Self::without_snapshots(inner, disturbance)? })
    }
}

impl<E: Environment> Disturbed<E> {
    /// [`Self::new`] for environments that cannot be saved and restored, such as robots.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn without_snapshots(inner: E, disturbance: &Disturbance) -> Result<Self, EnvError> {
        let &Disturbance { kind, share, length, .. } = disturbance;
        let refuse = |problem: String| {
            Err(EnvError::Mismatch(format!("a disturbance of `{}`: {problem}", inner.spec().id)))
        };
        if !(0.0..=1.0).contains(&share) {
            return refuse(format!("a share of {share} of the steps is none: give a number from 0 to 1"));
        }
        if length == 0 {
            return refuse("a burst lasts at least one step, 0 were given".into());
        }
        let sensor = match sensor(inner.spec(), &disturbance.features) {
            Ok(sensor) => sensor,
            Err(problem) => return refuse(problem),
        };
        let level = match kind {
            DisturbanceKind::Held | DisturbanceKind::Blank => 0.0,
            DisturbanceKind::Noise { sd } if sd.is_finite() && sd > 0.0 => signal(inner.spec(), &sensor, sd),
            DisturbanceKind::Noise { sd } => {
                return refuse(format!("noise of standard deviation {sd} is none: give a positive number"));
            }
        };
        if !level.is_finite() {
            return refuse(
                "noise needs entries with bounds, which say how much of it is signal: give bounds, or hold or blank them"
                    .into(),
            );
        }
        let begins = if share > 0.0 { share / (share + (1.0 - share) * length as f64) } else { 0.0 };
        let shown = inner.observation().to_vec();
        let (seed, steps, left, failing) = (0, 0, 0, false);
        Ok(Self {
            inner,
            kind,
            length,
            begins,
            level,
            sensor,
            shown,
            seed,
            steps,
            left,
            failing,
            simulator: None,
        })
    }

    /// The environment inside, whose observation is the true one.
    pub fn inner(&self) -> &E {
        &self.inner
    }

    /// Gives the environment back.
    pub fn into_inner(self) -> E {
        self.inner
    }

    /// Shows what the sensor shows in a step.
    fn show(&mut self, rng: &mut ChaCha8Rng) {
        let bounds = &self.inner.spec().observation;
        let entries = self.shown.iter_mut().zip(self.inner.observation()).zip(&self.sensor);
        for (((shown, there), sensor), (low, high)) in entries.zip(bounds.low().iter().zip(bounds.high())) {
            *shown = match (sensor.filter(|_| self.failing), self.kind) {
                (None, _) => *there,
                (Some(_), DisturbanceKind::Held) => *shown,
                (Some(blank), DisturbanceKind::Blank) => blank,
                (Some(_), DisturbanceKind::Noise { sd }) => {
                    let noise: f64 = rng.sample(StandardNormal);
                    (there + sd * noise).max(*low).min(*high)
                }
            };
        }
    }
}

/// Which entries are those of the named features, with what they show when blank; the problem where a name is none.
fn sensor(spec: &EnvSpec, names: &[String]) -> Result<Vec<Option<f64>>, String> {
    let known: Vec<&str> = spec.features.iter().map(|feature| feature.name.as_str()).collect();
    let known =
        if known.is_empty() { "it has none".to_owned() } else { format!("it has {}", known.join(", ")) };
    if names.is_empty() {
        return Err(format!("no feature is named: name one or more; {known}"));
    }
    if let Some(name) = names.iter().find(|name| spec.features.iter().all(|feature| feature.name != **name)) {
        return Err(format!("it has no feature `{name}`: {known}"));
    }
    let blank = |low: f64, high: f64| {
        let middle = 0.5 * (low + high);
        if (high - low).is_finite() { middle } else { 0.0_f64.max(low).min(high) }
    };
    let mut bounds = spec.observation.low().iter().zip(spec.observation.high());
    let mut sensor = Vec::with_capacity(spec.observation.len());
    for feature in &spec.features {
        let named = names.contains(&feature.name);
        let entries = bounds.by_ref().take(feature.width);
        sensor.extend(entries.map(|(low, high)| named.then(|| blank(*low, *high))));
    }
    // Entries that no feature describes are not the sensor's.
    sensor.resize(spec.observation.len(), None);
    Ok(sensor)
}

/// The least share of signal in the variance of the sensor's entries; not finite where there are bounds missing.
fn signal(spec: &EnvSpec, sensor: &[Option<f64>], sd: f64) -> f64 {
    let bounds = spec.observation.low().iter().zip(spec.observation.high()).zip(sensor);
    let shares = bounds.filter(|(_, sensor)| sensor.is_some()).map(|((low, high), _)| {
        let variance = (high - low).powi(2) / 12.0;
        variance / (variance + sd * sd)
    });
    // Not `f64::min`, which prefers any number to none.
    shares.fold(1.0, |least, share| if share >= least { least } else { share })
}

impl<E: Environment> Environment for Disturbed<E> {
    fn spec(&self) -> &EnvSpec {
        self.inner.spec()
    }

    fn reset(&mut self, start: &Start) -> Result<(), EnvError> {
        self.inner.reset(start)?;
        self.shown.copy_from_slice(self.inner.observation());
        (self.seed, self.steps, self.left, self.failing) = (start.seed, 0, 0, false);
        Ok(())
    }

    fn step(&mut self, action: &[f64]) -> Result<Transition, EnvError> {
        let transition = self.inner.step(action)?;
        self.steps += 1;
        // A step's draws are named by seed and step, so that nothing else of the generator has to be kept.
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(SENSOR_STREAM ^ self.steps);
        if self.left == 0 && rng.random::<f64>() < self.begins {
            self.left = self.length;
        }
        self.failing = self.left > 0;
        self.left = self.left.saturating_sub(1);
        self.show(&mut rng);
        Ok(transition)
    }

    fn observation(&self) -> &[f64] {
        &self.shown
    }

    fn task(&self) -> SharedTask {
        self.inner.task()
    }

    /// What it is inside, and in a burst no more than the burst leaves.
    fn seen(&self) -> f64 {
        let inside = self.inner.seen();
        if self.failing { inside.min(self.level) } else { inside }
    }

    fn simulator(&mut self) -> Option<&mut dyn Simulator> {
        let simulator = self.simulator?;
        Some(simulator(self))
    }
}

impl<E: Simulator> Simulator for Disturbed<E> {
    /// The inner snapshot with what is shown behind its state, and with four more words: the seed, steps taken, steps left of a
    /// burst, and whether the present step is in one.
    fn snapshot(&self) -> Snapshot {
        let mut snapshot = self.inner.snapshot();
        snapshot.state.extend_from_slice(&self.shown);
        snapshot.words.extend([self.seed, self.steps, self.left as u64, u64::from(self.failing)]);
        snapshot
    }

    fn restore(&mut self, snapshot: &Snapshot) -> Result<(), EnvError> {
        let id = &self.inner.spec().id;
        let at = snapshot.state.len().checked_sub(self.shown.len());
        let state = at.and_then(|at| snapshot.state.split_at_checked(at));
        let (Some((state, shown)), Some((words, &[seed, steps, left, failing]))) =
            (state, snapshot.words.split_last_chunk::<4>())
        else {
            return Err(EnvError::Mismatch(format!(
                "snapshot of `{id}` lacks what its sensor shows: it was taken without one"
            )));
        };
        check_finite("snapshot of what a sensor shows", shown)?;
        let left = usize::try_from(left).ok().filter(|left| *left < self.length);
        let (Some(left), true) = (left, failing <= 1) else {
            return Err(EnvError::Mismatch(format!(
                "the words {:?} are none of a snapshot of `{id}` with a sensor whose bursts last {} steps: it is damaged or \
                 of another sensor, take another",
                snapshot.words, self.length
            )));
        };
        let inner =
            Snapshot { env_id: snapshot.env_id.clone(), state: state.to_vec(), words: words.to_vec() };
        self.inner.restore(&inner)?;
        self.shown.copy_from_slice(shown);
        (self.seed, self.steps, self.left, self.failing) = (seed, steps, left, failing == 1);
        Ok(())
    }
}
