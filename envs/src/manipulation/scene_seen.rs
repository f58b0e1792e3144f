//! What an observation of the scene says, entry by entry.

use super::cube_seen::{self, cube_place, cube_yaw};
use super::robot_seen::{RobotSeen, part};
use super::scene_things::{BUTTONS, DRAWER_SCALE, SCENE, SCENE_NUMBERS, SceneThings, WINDOW_SCALE};
use super::spot::Spot;
use crate::{EnvError, Feature, FeatureKind};

/// First entry of the buttons: behind robot and cube.
const FIRST_BUTTON: usize = 28;
/// Entries of a button: off and on, one of which is 1, how far it is pressed, how fast.
const BUTTON: usize = 4;
const DRAWER: usize = FIRST_BUTTON + BUTTON * BUTTONS;
const WINDOW: usize = DRAWER + 2;
/// Entries of an observation.
pub(super) const LEN: usize = WINDOW + 2;
/// Where buttons are pressed to is shown this many times as large.
pub(super) const BUTTON_SCALE: f64 = 120.0;

/// Entries that goals speak of, in the order of [`SceneThings::shown`].
pub(super) const WANTED: [usize; SCENE_NUMBERS] =
    [19, 20, 21, FIRST_BUTTON + 1, FIRST_BUTTON + BUTTON + 1, DRAWER, WINDOW];

/// Features of an observation.
pub(super) fn features() -> Vec<Feature> {
    let mut features = cube_seen::features(1);
    for button in 0..BUTTONS {
        features.push(Feature::new(&format!("button {button} off and on"), 2, FeatureKind::Other));
        features.push(Feature::new(&format!("button {button}"), 1, FeatureKind::Other));
        features.push(Feature::new(&format!("button {button} speed"), 1, FeatureKind::Other));
    }
    for thing in ["drawer", "window"] {
        features.push(Feature::new(thing, 1, FeatureKind::Other));
        features.push(Feature::new(&format!("{thing} speed"), 1, FeatureKind::Other));
    }
    features
}

/// A sliding joint: where it is, metres, and how fast.
pub(super) type Slide = [f64; 2];

/// Writes what is seen of buttons, drawer and window behind robot and cube.
pub(super) fn write(
    on: [bool; BUTTONS],
    buttons: [Slide; BUTTONS],
    [drawer, window]: [Slide; 2],
    seen: &mut [f64],
) {
    let mut slots = seen.iter_mut().skip(FIRST_BUTTON);
    let mut put = |values: &[f64]| slots.by_ref().zip(values).for_each(|(slot, value)| *slot = *value);
    for (on, [at, speed]) in on.into_iter().zip(buttons) {
        put(&[f64::from(!on), f64::from(on), at * BUTTON_SCALE, speed]);
    }
    put(&[drawer[0] * DRAWER_SCALE, drawer[1], window[0] * WINDOW_SCALE, window[1]]);
}

/// An observation, read in metres and radians.
#[derive(Clone, Copy, Debug)]
pub(super) struct SceneSeen<'a>(&'a [f64]);

impl<'a> SceneSeen<'a> {
    /// # Errors
    /// [`EnvError::Mismatch`] for what is no observation of the scene.
    pub fn of(observation: &'a [f64]) -> Result<Self, EnvError> {
        if observation.len() == LEN {
            return Ok(Self(observation));
        }
        Err(EnvError::Mismatch(format!(
            "an observation of `{SCENE}` has {LEN} numbers, {} were given",
            observation.len()
        )))
    }

    /// The robot's part.
    pub fn robot(&self) -> RobotSeen<'a> {
        RobotSeen(self.0)
    }

    /// Where the things are.
    pub fn things(&self) -> SceneThings {
        let shown = WANTED.map(|entry| self.0.get(entry).copied().unwrap_or(f64::NAN));
        // The cube's place as cubes read it, so that both round alike.
        SceneThings { cube: cube_place(self.0, 0), ..SceneThings::of_shown(shown) }
    }

    /// Where the cube is, and its yaw.
    pub fn cube(&self) -> Spot {
        Spot { at: cube_place(self.0, 0), yaw: cube_yaw(self.0, 0) }
    }

    /// How far the buttons are pressed, metres: 0 is not at all, and down is less.
    pub fn pressed(&self) -> [f64; BUTTONS] {
        [0, 1].map(|button| {
            let [at] = part(self.0, FIRST_BUTTON + BUTTON * button + 2);
            at / BUTTON_SCALE
        })
    }
}
