//! The things of OGBench's scene: where they are, where they can be, and where a hand takes them.

use super::robot::{place, shown};
use super::spot::Spot;

/// Registered name: that of its published data.
pub const SCENE: &str = "scene-play-v0";
/// Steps after which the package's evaluation truncates an episode.
pub(super) const SCENE_STEPS: usize = 750;
/// Buttons; the first unlocks the drawer, the second the window.
pub(super) const BUTTONS: usize = 2;
/// Numbers that say where the things are: place of the cube, both buttons, drawer, window.
pub const SCENE_NUMBERS: usize = 3 + BUTTONS + 2;
/// The tolerance of cube, drawer and window, metres.
pub const SCENE_RADIUS: f64 = 0.04;

/// The drawer when it is open, and the window, metres. Both are 0 when they are shut.
pub(super) const DRAWER_OPEN: f64 = -0.16;
pub(super) const WINDOW_OPEN: f64 = 0.2;
/// Drawer and window are shown this many times as large.
pub(super) const DRAWER_SCALE: f64 = 18.0;
pub(super) const WINDOW_SCALE: f64 = 15.0;
/// Where the cube may be put: over the table within reach, and in the drawer.
pub(super) const CUBE_PLACES: [[f64; 3]; 2] = [[0.25, -0.45, 0.02], [0.6, 0.35, 0.35]];
/// Where a cube goes in the open drawer.
pub(super) const IN_DRAWER: [f64; 3] = [0.33, -0.24, 0.066];
/// Where the hand is at starts, and rests between plans: lower and upper corner, metres.
pub(super) const HAND_STARTS: [[f64; 3]; 2] = [[0.25, -0.2, 0.20], [0.6, 0.2, 0.35]];

/// Handles and tops as the package's models have them; the drawer's stands turned by 3.14 in one.
const DRAWER_AT: [f64; 3] = [0.33, -0.42, 0.08];
#[allow(clippy::approx_constant)] // The file says so.
const DRAWER_TURN: f64 = 3.14;
const DRAWER_HANDLE: f64 = -0.18;
const WINDOW_HANDLE: [f64; 3] = [0.286, 0.225, 0.237];
#[allow(clippy::approx_constant)] // The file says so.
const WINDOW_TURN: f64 = 1.57;
const BUTTONS_AT: [[f64; 3]; BUTTONS] = [[0.58, -0.05, 0.048], [0.58, 0.05, 0.048]];
/// Where tops are along their boxes' y axis, which points down, but for the rest to a quarter turn.
const TOPS: [f64; BUTTONS] = [-0.0774, -0.0732];
#[allow(clippy::approx_constant)] // The file says so.
const BUTTONS_TURN: f64 = -1.57;
/// The drawer's inside: along y from the handle, along x and z from the world (`SceneEnv._is_in_drawer`).
const DRAWER_INSIDE: [[f64; 3]; 2] = [[0.21, -0.27, 0.0], [0.45, -0.07, 0.15]];

/// Where the things are, or are wanted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SceneThings {
    /// Place of the cube, metres.
    pub cube: [f64; 3],
    /// Which buttons are on. The first unlocks the drawer, the second the window.
    pub buttons: [bool; 2],
    /// How far the drawer is pushed in, metres: from -0.16, open, to 0.
    pub drawer: f64,
    /// How far the window is slid open, metres: from 0 to 0.2.
    pub window: f64,
}

impl SceneThings {
    /// As goals and places are given: place of the cube as tenths of a metre from (0.425, 0, 0), both buttons as 0 or 1, drawer
    /// times 18, window times 15. The package's `compute_oracle_observation`.
    pub fn shown(&self) -> [f64; SCENE_NUMBERS] {
        let [x, y, z] = shown(self.cube);
        let [first, second] = self.buttons.map(f64::from);
        [x, y, z, first, second, self.drawer * DRAWER_SCALE, self.window * WINDOW_SCALE]
    }

    /// From what is shown. A button is on from one half.
    pub(super) fn of_shown([x, y, z, first, second, drawer, window]: [f64; SCENE_NUMBERS]) -> Self {
        Self {
            cube: place([x, y, z]),
            buttons: [first, second].map(|button| button >= 0.5),
            drawer: drawer / DRAWER_SCALE,
            window: window / WINDOW_SCALE,
        }
    }

    /// Whether the cube is in the drawer.
    pub fn in_drawer(&self) -> bool {
        let [low, high] = DRAWER_INSIDE;
        let [_, handle, _] = drawer_handle(self.drawer).at;
        let from = [0.0, handle, 0.0];
        (0..3).all(|i| (low[i] + from[i]..=high[i] + from[i]).contains(&self.cube[i]))
    }
}

/// The drawer's handle where the drawer is so far in.
pub(super) fn drawer_handle(drawer: f64) -> Spot {
    let ((sin, cos), along) = (DRAWER_TURN.sin_cos(), DRAWER_HANDLE + drawer);
    let [x, y, z] = DRAWER_AT;
    Spot { at: [x - sin * along, y + cos * along, z], yaw: DRAWER_TURN }
}

/// The window's handle where the window is so far open.
pub(super) fn window_handle(window: f64) -> Spot {
    let [x, y, z] = WINDOW_HANDLE;
    Spot { at: [x + window, y, z], yaw: WINDOW_TURN }
}

/// Top of a button that is not pressed. The package's oracle takes its x for the hand's yaw, and so does this.
pub(super) fn button_top(button: usize) -> Spot {
    let [first, second] = [0, 1].map(|button: usize| (BUTTONS_AT[button], TOPS[button]));
    let ([x, y, z], along) = if button == 0 { first } else { second };
    let (sin, cos) = BUTTONS_TURN.sin_cos();
    Spot { at: [x, y + cos * along, z + sin * along], yaw: x }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn things(cube: [f64; 3], drawer: f64) -> SceneThings {
        SceneThings { cube, buttons: [true, false], drawer, window: 0.1 }
    }

    #[test]
    fn what_is_shown_reads_back() {
        let own = things([0.35, -0.05, 0.02], -0.16);
        let shown = own.shown();
        assert_eq!(shown[3..5], [1.0, 0.0]);
        assert!((shown[5] + 2.88).abs() < 1e-12 && (shown[6] - 1.5).abs() < 1e-12);
        let back = SceneThings::of_shown(shown);
        assert_eq!(back.buttons, own.buttons);
        assert!((back.drawer + 0.16).abs() < 1e-12 && (back.cube[0] - 0.35).abs() < 1e-12);
    }

    /// Handles and tops are where the real package says, in every step that was recorded (`envs/parity/record_scene.py`).
    #[test]
    fn handles_and_tops_are_where_the_package_has_them() {
        let recorded = flate2::read::GzDecoder::new(&include_bytes!("../../parity/scene.gz")[..]);
        let recorded: serde_json::Value = serde_json::from_reader(recorded).unwrap();
        let off = |at: [f64; 3], recorded: &serde_json::Value| {
            let parts = at.iter().enumerate();
            parts.map(|(i, part)| (part - recorded[i].as_f64().unwrap()).abs()).fold(0.0, f64::max)
        };
        for button in 0..BUTTONS {
            assert!(off(button_top(button).at, &recorded["tops"][button]) < 1e-9, "{button}");
        }
        let steps = recorded["steps"].as_array().unwrap();
        assert!(steps.len() > 50);
        for step in steps {
            let [drawer, window] = [23, 24].map(|joint: usize| step["positions"][joint].as_f64().unwrap());
            assert!(off(drawer_handle(drawer).at, &step["drawer"]) < 1e-9);
            assert!(off(window_handle(window).at, &step["window"]) < 1e-9);
        }
    }

    /// Where the drawer stands says whether a cube is in it: at one place in the open drawer, behind the shut one's front.
    #[test]
    fn a_cube_is_in_the_drawer_where_that_is() {
        assert!(things(IN_DRAWER, DRAWER_OPEN).in_drawer() && !things(IN_DRAWER, 0.0).in_drawer());
        assert!(things([0.33, -0.356, 0.066], 0.0).in_drawer());
        assert!(!things([0.4, 0.1, 0.02], DRAWER_OPEN).in_drawer());
        assert!(!things([0.33, -0.356, 0.2], 0.0).in_drawer(), "on top of it");
    }
}
