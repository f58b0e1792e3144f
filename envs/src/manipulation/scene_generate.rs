//! Data of the scene, made as OGBench makes its `play` data: from target to target, by plans with noise.

use std::f64::consts::{PI, TAU};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::cube_plan::carry;
use super::hand_plan::HandPlan;
use super::play::{Episode, NOISE, PLAY_EPISODE_ROWS, PlayOptions, PlayTally, Played, Player, play};
use super::robot::SUBSTEPS;
use super::rotation::distance;
use super::scene_models::SceneModels;
use super::scene_plan::{OVER_DRAWER, OVER_WINDOW, press, slide};
use super::scene_seen::{self, SceneSeen};
use super::scene_things::{
    BUTTONS, DRAWER_OPEN, HAND_STARTS, IN_DRAWER, SCENE, SCENE_RADIUS, SceneThings, WINDOW_OPEN, button_top,
    drawer_handle, window_handle,
};
use super::scene_world::{ON_TABLE, Placement, SceneWorld, TABLE};
use super::spot::Spot;
use super::within::within;
use crate::EnvError;
use crate::data::Dataset;
use crate::mujoco::{MujocoError, MujocoPart, MujocoSim};

/// Name of the generator, as written into files.
pub const SCENE_GENERATOR: &str = "forethought-ogbench-scene";
/// Version of the generator: raised whenever the same seed gives other rows.
pub const SCENE_GENERATOR_VERSION: u32 = 1;
/// Episodes in the published data, of [`PLAY_EPISODE_ROWS`] each; a tenth as many are kept for validation.
pub const SCENE_PUBLISHED_EPISODES: usize = 1000;

/// Weight of a drawer, or window, that is locked as a target; of all else that can be one it is 1.
const LOCKED_WEIGHT: f64 = 0.25;
/// How often a cube goes into the drawer where that is open, and from where on it is.
const INTO_DRAWER: f64 = 0.3;
const OPEN: f64 = -0.12;
/// Half width of the noise on where in the drawer, metres.
const DRAWER_NOISE: f64 = 0.005;
/// A drawer less open than half is opened, and a window.
const HALF_DRAWER: f64 = -0.08;
const HALF_WINDOW: f64 = 0.1;
/// Cubes that go further along y are hidden from the package's cameras, unless they lie in the drawer, at one of these heights, metres.
const HIDDEN: [f64; 2] = [-0.3, 0.29];
const DRAWER_HEIGHTS: [f64; 2] = [0.06, 0.08];

/// Makes the data of the scene: episodes of the published length one after another, the last one cut where the rows end.
/// `progress` is called with (rows done, rows in all) after each episode.
///
/// Row `t` holds the observation and the action applied. The last row of an episode is marked as a time-out; what its action
/// led to is not recorded. Nothing is paid, and nothing ends: these data are of no task.
///
/// An episode in which the cube leaves what cameras see is thrown away and another made, as the package's authors do. What is left depends
/// on the seed and the episode's number alone.
///
/// # Errors
/// [`EnvError::Data`] for zero rows or more than fit into memory; [`EnvError::Engine`] where a simulation does not go on.
pub fn generate_scene(
    models: &SceneModels,
    options: &PlayOptions,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<(Dataset, PlayTally), EnvError> {
    let of =
        Played { id: SCENE, seen: scene_seen::LEN, generator: (SCENE_GENERATOR, SCENE_GENERATOR_VERSION) };
    play(of, options, &|| Driver::new(models), progress)
}

/// A thing and where it is wanted.
#[derive(Clone, Copy, Debug)]
enum Target {
    Cube(Spot),
    Button(usize, bool),
    Drawer(f64),
    Window(f64),
}

/// What makes episodes on one thread.
struct Driver {
    world: SceneWorld,
    sim: MujocoSim,
    seen: Vec<f64>,
    control: Vec<f64>,
}

impl Driver {
    fn new(models: &SceneModels) -> Result<Self, MujocoError> {
        let scene = models.scene([false; BUTTONS]);
        Ok(Self {
            world: SceneWorld::new(models)?,
            sim: scene.simulate()?,
            seen: vec![0.0; scene_seen::LEN],
            control: vec![0.0; scene.len_of(MujocoPart::Controls)],
        })
    }

    /// An episode; `None` for one that is thrown away.
    fn episode(&mut self, rows: usize, random: &mut ChaCha8Rng) -> Result<Option<Episode>, MujocoError> {
        let mut episode = Episode::of(rows, self.seen.len());
        self.begin(random)?;
        let mut target = self.target(random);
        let mut plan = self.plan(&target, random);
        for row in 0..PLAY_EPISODE_ROWS {
            if hidden(&self.world.things(&self.sim)) {
                return Ok(None);
            }
            let Ok(seen) = SceneSeen::of(&self.seen) else { break };
            let action = plan.act(&seen.robot(), false);
            if row < rows {
                episode.push(&self.seen, &action);
            }
            self.world.control(&action, &self.sim, &mut self.control)?;
            self.sim.set_control(&self.control)?;
            self.sim.step(SUBSTEPS)?;
            self.world.observe(&mut self.sim, &mut self.seen)?;
            if plan.done() {
                if row < rows {
                    episode.tally.count(self.reached(&target));
                }
                target = self.target(random);
                plan = self.plan(&target, random);
            }
        }
        Ok(Some(episode))
    }

    /// Everything anywhere.
    fn begin(&mut self, random: &mut ChaCha8Rng) -> Result<(), MujocoError> {
        let (hand, hand_yaw) = (within(HAND_STARTS, random), random.random_range(-PI..PI));
        let ([x, y], cube_yaw) = (within(TABLE, random), random.random_range(0.0..TAU));
        let things = SceneThings {
            cube: [x, y, ON_TABLE],
            buttons: [random.random(), random.random()],
            drawer: random.random_range(DRAWER_OPEN..0.0),
            window: random.random_range(0.0..WINDOW_OPEN),
        };
        self.sim.reset();
        self.world.place(&Placement { hand, hand_yaw, cube_yaw, things }, None, &mut self.sim)?;
        self.sim.forward();
        self.world.observe(&mut self.sim, &mut self.seen)
    }

    /// The cube where it is not in the drawer, a button, the drawer or the window.
    fn target(&self, random: &mut ChaCha8Rng) -> Target {
        let now = self.world.things(&self.sim);
        let free = |on: bool| if on { 1.0 } else { LOCKED_WEIGHT };
        let cube = f64::from(!now.in_drawer());
        let weights = [cube, 1.0, free(now.buttons[0]), free(now.buttons[1])];
        let mut drawn = random.random::<f64>() * weights.iter().sum::<f64>();
        let kind = weights.iter().position(|weight| {
            drawn -= weight;
            drawn < 0.0
        });
        match kind {
            Some(0) => {
                let at = if now.drawer < OPEN && random.random::<f64>() < INTO_DRAWER {
                    let [x, y, z] = IN_DRAWER;
                    let [dx, dy] = within([[-DRAWER_NOISE; 2], [DRAWER_NOISE; 2]], random);
                    [x + dx, y + dy, z]
                } else {
                    let [x, y] = within(TABLE, random);
                    [x, y, ON_TABLE]
                };
                Target::Cube(Spot { at, yaw: random.random_range(0.0..TAU) })
            }
            Some(1) => {
                let button = random.random_range(0..BUTTONS);
                let on = now.buttons.get(button).copied().unwrap_or(false);
                Target::Button(button, !on)
            }
            Some(2) => Target::Drawer(if now.drawer >= HALF_DRAWER { DRAWER_OPEN } else { 0.0 }),
            _ => Target::Window(if now.window <= HALF_WINDOW { WINDOW_OPEN } else { 0.0 }),
        }
    }

    fn reached(&self, target: &Target) -> bool {
        let now = self.world.things(&self.sim);
        match *target {
            Target::Cube(goal) => distance(now.cube, goal.at) <= SCENE_RADIUS,
            Target::Button(button, on) => now.buttons.get(button) == Some(&on),
            Target::Drawer(to) => (now.drawer - to).abs() <= SCENE_RADIUS,
            Target::Window(to) => (now.window - to).abs() <= SCENE_RADIUS,
        }
    }

    fn plan(&self, target: &Target, random: &mut ChaCha8Rng) -> HandPlan {
        let Ok(seen) = SceneSeen::of(&self.seen) else { return HandPlan::default() };
        let (hand, now) = (seen.robot().spot(), seen.things());
        match *target {
            Target::Cube(goal) => carry(hand, seen.cube(), goal, HAND_STARTS, NOISE, random),
            Target::Button(button, _) => press(hand, button_top(button), NOISE, random),
            Target::Drawer(to) => {
                slide(hand, drawer_handle(now.drawer), drawer_handle(to), OVER_DRAWER, NOISE, random)
            }
            Target::Window(to) => {
                slide(hand, window_handle(now.window), window_handle(to), OVER_WINDOW, NOISE, random)
            }
        }
    }
}

impl Player for Driver {
    /// Whole episodes are made where fewer rows are asked for, as what happens after them says whether they are thrown away.
    fn drive(&mut self, rows: usize, random: &mut ChaCha8Rng) -> Result<Episode, MujocoError> {
        loop {
            if let Some(episode) = self.episode(rows, random)? {
                return Ok(episode);
            }
        }
    }
}

/// Whether the cube is where no camera of the package sees it.
fn hidden(now: &SceneThings) -> bool {
    let [_, y, z] = now.cube;
    let in_drawer = (DRAWER_HEIGHTS[0]..=DRAWER_HEIGHTS[1]).contains(&z);
    y >= HIDDEN[1] || y <= HIDDEN[0] && !in_drawer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cube_is_hidden_beside_the_drawer_and_beyond_the_window() {
        let at = |y: f64, z: f64| {
            hidden(&SceneThings { cube: [0.35, y, z], buttons: [true; 2], drawer: 0.0, window: 0.0 })
        };
        assert!(!at(0.0, 0.02) && !at(-0.35, 0.066) && !at(0.28, 0.02));
        assert!(at(-0.35, 0.02) && at(-0.35, 0.1) && at(0.3, 0.066));
    }
}
