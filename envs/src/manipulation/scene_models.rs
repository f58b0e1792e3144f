//! The models of the scene: one for each way in which drawer and window are locked.
//!
//! The package locks a joint by damping it a million times, in its running model. Models do not change here, so that there are four of
//! them, alike in all but that: a state of one is one of all, and goes on in another as the package's does when it changes its own.

use std::sync::Arc;

use super::OgBenchAssets;
use super::assets::Things;
use super::compose::{self, ComposeError, Looks, Parts, escaped};
use super::scene_things::{BUTTONS, SCENE};
use crate::EnvError;
use crate::mujoco::{MujocoLibrary, MujocoModel};

/// Ways in which two things are locked.
pub(super) const LOCKS: usize = 1 << BUTTONS;
/// The joints of the drawer and of the window as the package's files have them, what follows there, and the same locked.
const SLIDES: [[&str; 2]; BUTTONS] = [
    [
        r#"name="drawer_slide" pos="0 0 0" damping="2""#,
        r#"name="drawer_slide" pos="0 0 0" damping="1000000""#,
    ],
    [r#"name="window_slide""#, r#"name="window_slide" damping="1000000""#],
];
/// Joints behind the robot's in their order, with their numbers of positions.
pub(super) const JOINTS: [(&str, usize); 5] = [
    ("object_joint_0", 7),
    ("buttonbox_joint_0", 1),
    ("buttonbox_joint_1", 1),
    ("drawer_slide", 1),
    ("window_slide", 1),
];

/// What all simulations of the scene share: compiled models and assets. Clones are the same.
#[derive(Clone, Debug)]
pub struct SceneModels {
    scenes: [MujocoModel; LOCKS],
    arm: MujocoModel,
    hash: Arc<str>,
}

impl SceneModels {
    /// Those of this user's MuJoCo and assets.
    ///
    /// # Errors
    /// [`EnvError::Engine`] where either is missing, or where the assets are not those of the package.
    pub fn find() -> Result<Self, EnvError> {
        let assets = OgBenchAssets::find().map_err(|error| error.of(SCENE))?;
        let library = MujocoLibrary::find().map_err(|error| error.of(SCENE))?;
        Self::new(&library, &assets)
    }

    /// Those of a library and of assets.
    ///
    /// # Errors
    /// [`EnvError::Engine`] for assets that are not those of the package, and what MuJoCo says of them.
    pub fn new(library: &MujocoLibrary, assets: &OgBenchAssets) -> Result<Self, EnvError> {
        let made = || -> Result<Self, ComposeError> {
            let things = assets.things()?;
            let whole = |on: [bool; BUTTONS]| -> Result<compose::Models, ComposeError> {
                compose::Models::new(library, assets, &parts(assets, &things, on)?)
            };
            let compose::Models { scene: locked, arm } = whole([false; BUTTONS])?;
            let other = |on| compose::scene(library, assets, &parts(assets, &things, on)?, Looks::Bare);
            let scenes = [locked, other([true, false])?, other([false, true])?, other([true, true])?];
            Ok(Self { scenes, arm, hash: things.hash.as_str().into() })
        };
        made().map_err(|error| error.of(SCENE))
    }

    /// The model in which the drawer, and the window, are unlocked where their button is on. Positions are six joints of the arm, eight of
    /// the gripper, seven numbers of the cube (place, metres, and quaternion), two buttons, drawer and window, metres.
    pub fn scene(&self, buttons: [bool; 2]) -> &MujocoModel {
        let [locked, drawer, window, both] = &self.scenes;
        match buttons {
            [false, false] => locked,
            [true, false] => drawer,
            [false, true] => window,
            [true, true] => both,
        }
    }

    /// All of them.
    pub(super) fn scenes(&self) -> &[MujocoModel; LOCKS] {
        &self.scenes
    }

    /// The arm alone.
    pub(super) fn arm(&self) -> &MujocoModel {
        &self.arm
    }

    /// SHA-256 (hex) of the assets that they are made of.
    pub(super) fn hash(&self) -> &str {
        &self.hash
    }
}

/// Cube, buttons, drawer and window, the last two unlocked where their button is on.
///
/// # Errors
/// [`super::ManipulationError::Unlike`] for texts that are not the package's.
pub(super) fn parts(
    assets: &OgBenchAssets,
    things: &Things,
    on: [bool; BUTTONS],
) -> Result<Parts, ComposeError> {
    let mut parts = compose::cubes(assets, 1)?;
    let [buttons, drawer, window] = things.sources();
    let files = format!(r#"file="{}/metaworld/"#, escaped(assets.folder()));
    let named = |text: &str| text.replace(r#"file="metaworld/"#, &files);
    parts.push(("buttons.xml".into(), named(buttons.text)));
    for ((source, [joint, locked]), (on, name)) in
        [drawer, window].iter().zip(SLIDES).zip(on.into_iter().zip(["drawer.xml", "window.xml"]))
    {
        let text = source.replaced(source.text, joint, if on { joint } else { locked })?;
        parts.push((name.into(), named(&text)));
    }
    Ok(parts)
}
