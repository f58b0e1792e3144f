//! Pictures of the robot with what is in front of it.

use super::compose::{self, ComposeError, Looks, Parts};
use super::cube_seen::{self, CubeSeen, cube_quaternion};
use super::robot::{ROBOT_JOINTS, place};
use super::robot_seen::{HAND, RobotSeen, part};
use super::scene_models::parts;
use super::scene_seen::{SceneSeen, WANTED};
use super::scene_things::{
    BUTTONS, SCENE, SCENE_NUMBERS, SceneThings, button_top, drawer_handle, window_handle,
};
use super::{Cubes, OgBenchAssets};
use crate::environment::check_finite;
use crate::mujoco::{MujocoCamera, MujocoError, MujocoLibrary, MujocoPart, MujocoRenderer, MujocoSim};
use crate::picture::{Photographer, Picture, View};
use crate::{EnvError, Task};

/// Nearly the package's `front`: from beyond the table, towards the robot.
const CAMERA: MujocoCamera =
    MujocoCamera::Free { lookat: [0.3, 0.0, 0.2], distance: 1.55, azimuth: 180.0, elevation: -33.0 };
/// Colours of cubes, as the package's.
const COLOURS: [&str; 3] = ["0.96 0.26 0.33", "0.35 0.55 0.91", "1 0.69 0.21"];
/// A goal is the same, shining through.
const GOAL: f64 = 0.3;
/// What stands in the cube's file for both.
const CUBE_LOOK: &str = r#"class="cube"/>"#;
const GOAL_LOOK: &str = r#"rgba=".5 .5 .5 .2""#;
/// Where what is not to be seen is put: below the floor.
const NOWHERE: [f64; 3] = [0.0, 0.0, -1.0];
/// Angle of the gripper's driving joints when it is shut.
const SHUT: f64 = 0.8;
/// How far a cap is above the top of a button, metres.
const CAP_ABOVE: f64 = 0.003;
/// How far above a button is shown how it is wanted, metres.
const WANTED_ABOVE: f64 = 0.05;
/// Marks of the scene: for each button a cap for on and one for off, the same as wanted, and where the handles are wanted.
const MARKS: usize = 4 * BUTTONS + 2;

/// What is in front of the robot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Cubes(Cubes),
    Scene,
}

impl Stage {
    fn id(self) -> &'static str {
        match self {
            Self::Cubes(cubes) => cubes.id(),
            Self::Scene => SCENE,
        }
    }

    fn cubes(self) -> usize {
        match self {
            Self::Cubes(cubes) => cubes.count(),
            Self::Scene => 1,
        }
    }

    /// Robot and things with all that is to be seen of them.
    fn parts(self, assets: &OgBenchAssets) -> Result<Parts, ComposeError> {
        let mut all = match self {
            Self::Cubes(cubes) => compose::cubes(assets, cubes.count())?,
            Self::Scene => parts(assets, &assets.things()?, [true; BUTTONS])?,
        };
        for ((_, text), colour) in all.iter_mut().take(self.cubes()).zip(COLOURS) {
            *text = text
                .replace(CUBE_LOOK, &format!(r#"rgba="{colour} 1" {CUBE_LOOK}"#))
                .replace(GOAL_LOOK, &format!(r#"rgba="{colour} {GOAL}""#));
        }
        if self == Self::Scene {
            all.push(("marks.xml".into(), marks()));
        }
        Ok(all)
    }
}

/// Bodies that are put where there is something to say.
fn marks() -> String {
    let (on, off) = ("0.95 0.95 0.95", COLOURS[0]);
    let body = |name: String, look: String| {
        format!(
            r#"<body name="{name}" mocap="true" pos="0 0 -1"><geom contype="0" conaffinity="0" {look}/></body>"#
        )
    };
    let cap = |colour| format!(r#"type="cylinder" size="0.018 0.002" rgba="{colour} 1""#);
    let wanted = |colour| format!(r#"type="sphere" size="0.01" rgba="{colour} 0.5""#);
    let mut bodies = String::new();
    for button in 0..BUTTONS {
        bodies += &body(format!("cap_{button}_on"), cap(on));
        bodies += &body(format!("cap_{button}_off"), cap(off));
    }
    for button in 0..BUTTONS {
        bodies += &body(format!("wanted_{button}_on"), wanted(on));
        bodies += &body(format!("wanted_{button}_off"), wanted(off));
    }
    for handle in ["drawer", "window"] {
        bodies +=
            &body(format!("wanted_{handle}"), r#"type="sphere" size="0.015" rgba="0.2 0.8 0.3 0.5""#.into());
    }
    format!("<mujoco><worldbody>{bodies}</worldbody></mujoco>")
}

/// Pictures robot and things from the front, with what is wanted shining through: a cube where it is wanted; over each button a ball
/// in the colour that its cap is to have, white for on and red for off; a green ball where each handle is wanted.
pub(super) struct ManipulationPictures {
    stage: Stage,
    sim: MujocoSim,
    renderer: MujocoRenderer,
    view: View,
    positions: Vec<f64>,
    /// Places of goals and marks.
    marks: Vec<[f64; 3]>,
}

impl ManipulationPictures {
    /// Pictures of this size, pixels, on this user's MuJoCo and assets.
    pub fn new(stage: Stage, [width, height]: [usize; 2]) -> Result<Self, EnvError> {
        let made = || -> Result<Self, ComposeError> {
            let (assets, library) = (OgBenchAssets::find()?, MujocoLibrary::find()?);
            let model = compose::scene(&library, &assets, &stage.parts(&assets)?, Looks::Whole)?;
            let (sim, mut renderer) = (model.simulate()?, MujocoRenderer::new(&model, width, height)?);
            let view = renderer.view(&sim, &CAMERA)?;
            let positions = vec![0.0; model.len_of(MujocoPart::Positions)];
            let marks = vec![NOWHERE; model.len_of(MujocoPart::MocapPlaces) / 3];
            Ok(Self { stage, sim, renderer, view, positions, marks })
        };
        made().map_err(|error| error.of(stage.id()))
    }

    /// Puts the robot and cubes where they were observed. Of the gripper's linkage one angle is seen, which the others follow.
    fn put(&mut self, seen: &[f64]) {
        let grip = RobotSeen(seen).opening() * SHUT;
        let side = [grip, 0.0, grip, -grip];
        let joints: [f64; 6] = part(seen, 0);
        let robot = joints.into_iter().chain(side).chain(side);
        self.positions.iter_mut().zip(robot).for_each(|(slot, angle)| *slot = angle);
        let own = self.positions.get_mut(ROBOT_JOINTS..).unwrap_or_default();
        for (cube, slots) in own.chunks_exact_mut(7).take(self.stage.cubes()).enumerate() {
            let all = cube_seen::cube_place(seen, cube).into_iter().chain(cube_quaternion(seen, cube));
            slots.iter_mut().zip(all).for_each(|(slot, value)| *slot = value);
        }
    }

    fn put_things(&mut self, seen: &SceneSeen<'_>, goal: Option<SceneThings>) {
        let (now, pressed) = (seen.things(), seen.pressed());
        let slides = pressed.into_iter().chain([now.drawer, now.window]);
        self.positions.iter_mut().skip(ROBOT_JOINTS + 7).zip(slides).for_each(|(slot, at)| *slot = at);
        let mut marks = [NOWHERE; MARKS];
        let mut put =
            |mark: usize, at: [f64; 3]| marks.iter_mut().skip(mark).take(1).for_each(|slot| *slot = at);
        for (button, (on, down)) in now.buttons.into_iter().zip(pressed).enumerate() {
            let top = button_top(button);
            put(2 * button + usize::from(!on), top.above(CAP_ABOVE + down).at);
            if let Some(goal) = &goal {
                let wanted = goal.buttons.get(button) == Some(&true);
                put(2 * (BUTTONS + button) + usize::from(!wanted), top.above(WANTED_ABOVE).at);
            }
        }
        if let Some(goal) = &goal {
            put(4 * BUTTONS, drawer_handle(goal.drawer).at);
            put(4 * BUTTONS + 1, window_handle(goal.window).at);
        }
        self.marks.iter_mut().skip(1).zip(marks).for_each(|(slot, at)| *slot = at);
    }

    fn draw(&mut self) -> Result<Picture, MujocoError> {
        self.sim.write(MujocoPart::Positions, &self.positions)?;
        self.sim.write(MujocoPart::MocapPlaces, self.marks.as_flattened())?;
        self.sim.forward();
        self.renderer.render(&self.sim, &CAMERA)
    }
}

impl Photographer for ManipulationPictures {
    fn photograph(&mut self, observation: &[f64], task: &dyn Task) -> Result<Picture, EnvError> {
        let scene = match self.stage {
            Stage::Cubes(cubes) => CubeSeen::of(observation, cubes.count()).map(|_| None)?,
            Stage::Scene => Some(SceneSeen::of(observation)?),
        };
        check_finite("observation", observation)?;
        self.put(observation);
        let places = cube_seen::places(self.stage.cubes());
        let wanted: &[usize] = if scene.is_some() { &WANTED } else { &places };
        let goal = task.condition().filter(|condition| condition.entries == wanted);
        let goal = goal.map(|condition| condition.values).unwrap_or_default();
        self.marks.fill(NOWHERE);
        for (slot, at) in self.marks.iter_mut().take(self.stage.cubes()).zip(goal.as_chunks::<3>().0) {
            *slot = place(*at);
        }
        if let Some(seen) = scene {
            let goal = <[f64; SCENE_NUMBERS]>::try_from(goal).ok();
            self.put_things(&seen, goal.map(SceneThings::of_shown));
        }
        self.draw().map_err(|error| error.of(self.stage.id()))
    }

    fn view(&self) -> View {
        self.view
    }

    /// That of the hand.
    fn place(&self, observation: &[f64]) -> Option<[f64; 3]> {
        observation.get(HAND..HAND + 3).map(|_| RobotSeen(observation).hand())
    }
}
