//! The models: one scene of the package's parts, put together by MuJoCo's own `include` and `attach`, and the arm alone for
//! inverse kinematics.
//!
//! What the package does with `dm_control` before it compiles is done to the arm's text here: the gripper is attached at
//! its flange, the key frame and the light go, and so do meshes that are only looked at, which have no mass of their own. The
//! gains of its actuators are those that the package sets after compiling.

use std::path::Path;

use super::ManipulationError;
use super::assets::{OgBenchAssets, Source};
use crate::mujoco::{MujocoError, MujocoLibrary, MujocoModel};

/// Gains of the arm's position actuators, newton metres per radian, by the actuator's name: `ManipSpaceEnv.post_compilation`.
/// Damping stays as the file has it: 400 for the first three and 100 for the wrist.
const GAINS: [(&str, u32, u32); 6] = [
    (r#" name="shoulder_pan""#, 4500, 400),
    (r#" name="shoulder_lift""#, 4500, 400),
    (r#" name="elbow""#, 4500, 400),
    (r#" name="wrist_1""#, 2000, 100),
    (r#" name="wrist_2""#, 2000, 100),
    (r#" name="wrist_3""#, 500, 100),
];
/// Where the gripper goes.
const FLANGE: &str = r#"<site name="attachment_site" pos="0 0.1 0" quat="-1 1 0 0"/>"#;
const OPTION: &str = r#"<option integrator="implicitfast"/>"#;
/// The scene's. The gripper's file asks for the last two, and attaching leaves a parent's as they are.
const SCENE_OPTION: &str = r#"<option integrator="implicitfast" cone="elliptic" impratio="10"/>"#;
/// Where it looks for its visible parts.
const MESHES: &str = r#"meshdir="assets""#;
/// The room's lamp shines further to the sides than OpenGL lets one, whose widest is a half-space, and which refuses it.
const WIDE_LIGHT: &str = r#"cutoff="100""#;
const WIDEST_LIGHT: &str = r#"cutoff="90""#;
const ASSETS: &str = "<asset>";
const ACTUATORS: &str = "actuator";
const END: &str = "</mujoco>";

/// Both models of a scene.
#[derive(Clone, Debug)]
pub(super) struct Models {
    pub scene: MujocoModel,
    pub arm: MujocoModel,
}

/// Whether what is only looked at is left out, or there to be pictured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Looks {
    Bare,
    Whole,
}

/// What stands in front of the robot: files in memory by their names, in the order of the model's.
pub(super) type Parts = Vec<(String, String)>;

impl Models {
    /// Those of a scene with these things.
    ///
    /// # Errors
    /// [`ComposeError`].
    pub fn new(library: &MujocoLibrary, assets: &OgBenchAssets, parts: &Parts) -> Result<Self, ComposeError> {
        let arm = MujocoModel::from_text(library, &arm_alone(assets)?)?;
        Ok(Self { scene: scene(library, assets, parts, Looks::Bare)?, arm })
    }
}

/// The model of a scene with these things.
///
/// # Errors
/// [`ComposeError`].
pub(super) fn scene(
    library: &MujocoLibrary,
    assets: &OgBenchAssets,
    parts: &Parts,
    looks: Looks,
) -> Result<MujocoModel, ComposeError> {
    let arm = arm_with_gripper(assets, looks)?;
    let room = match looks {
        Looks::Bare => assets.room().to_owned(),
        Looks::Whole => assets.room().replace(WIDE_LIGHT, WIDEST_LIGHT),
    };
    let mut files: Vec<(&str, &[u8])> = vec![
        ("ur5e.xml", arm.as_bytes()),
        ("floor_wall.xml", room.as_bytes()),
        ("cube_outer.xml", assets.cube_class().as_bytes()),
    ];
    files.extend(parts.iter().map(|(name, text)| (name.as_str(), text.as_bytes())));
    Ok(MujocoModel::from_text_with(library, &scene_text(parts, looks), &files)?)
}

/// So many cubes.
///
/// # Errors
/// [`ManipulationError::Unlike`] for a cube that is not numbered as the package's.
pub(super) fn cubes(assets: &OgBenchAssets, count: usize) -> Result<Parts, ManipulationError> {
    let cube = assets.cube();
    if !cube.text.contains("_0\"") {
        return Err(cube.unlike("_0\""));
    }
    Ok((0..count).map(|i| (format!("cube_{i}.xml"), cube.text.replace("_0\"", &format!("_{i}\"")))).collect())
}

/// What can go wrong with the models.
#[derive(Debug, thiserror::Error)]
pub(super) enum ComposeError {
    #[error(transparent)]
    Assets(#[from] ManipulationError),
    #[error(transparent)]
    Mujoco(#[from] MujocoError),
}

impl ComposeError {
    /// The same as an environment's error.
    pub fn of(self, id: &str) -> crate::EnvError {
        match self {
            Self::Assets(error) => error.of(id),
            Self::Mujoco(error) => error.of(id),
        }
    }
}

/// Sensors of a site's frame in the world, as [`super::frame::Frame`] reads them.
fn frame(name: &str, site: &str) -> String {
    ["framepos", "framexaxis", "frameyaxis", "framezaxis"]
        .map(|sensor| format!(r#"<{sensor} name="{name} {sensor}" objtype="site" objname="{site}"/>"#))
        .concat()
}

/// The room, the things and the arm. Body `ur5e/` is what `dm_control` puts around an attached model. The contact sensor and
/// the centre of mass give what MuJoCo's `cfrc_ext` says of the right pad.
fn scene_text(parts: &Parts, looks: Looks) -> String {
    let parts: String = parts.iter().map(|(name, _)| format!(r#"<include file="{name}"/>"#)).collect();
    let bare = looks == Looks::Bare;
    let frames = frame("pinch", "ur5e/robotiq/pinch") + &frame("flange", "ur5e/attachment_site");
    format!(
        r#"<mujoco model="manipulation">
<compiler angle="radian" autolimits="true" discardvisual="{bare}"/>
{SCENE_OPTION}
<include file="floor_wall.xml"/>
<include file="cube_outer.xml"/>
<asset><model name="ur5e" file="ur5e.xml"/></asset>
<worldbody><body name="ur5e/"><attach model="ur5e" body="base" prefix="ur5e/"/></body></worldbody>
{parts}
<sensor>{frames}
<subtreecom name="robot" body="ur5e/"/>
<contact name="pad" body1="ur5e/robotiq/right_pad" reduce="netforce" data="force torque pos"/></sensor>
</mujoco>"#
    )
}

/// The arm with the gripper at its flange.
fn arm_with_gripper(assets: &OgBenchAssets, looks: Looks) -> Result<String, ManipulationError> {
    let arm = assets.arm();
    let mut text = match looks {
        Looks::Bare => bare(&arm),
        Looks::Whole => {
            let meshes = format!(r#"meshdir="{}""#, escaped(&assets.arm_meshes()?));
            arm.replaced(&without(&without_section(arm.text, "keyframe"), "light", ""), MESHES, &meshes)?
        }
    };
    let gripper = format!(r#"<asset><model name="robotiq" file="{}"/>"#, escaped(&assets.gripper()));
    let attached = format!(
        r#"{FLANGE}<body name="robotiq/" pos="0 0.1 0" quat="-1 1 0 0"><attach model="robotiq" body="base_mount" prefix="robotiq/"/></body>"#
    );
    for (old, new) in [(OPTION, SCENE_OPTION), (ASSETS, &gripper), (FLANGE, &attached)] {
        text = arm.replaced(&text, old, new)?;
    }
    for (name, gain, damping) in GAINS {
        let with = format!(r#" gainprm="{gain}" biasprm="0 -{gain} -{damping}"{name}"#);
        text = arm.replaced(&text, name, &with)?;
    }
    Ok(text)
}

/// The arm alone, without geometry: what inverse kinematics moves.
fn arm_alone(assets: &OgBenchAssets) -> Result<String, ManipulationError> {
    let arm = assets.arm();
    let text = without_section(&without(&bare(&arm), "geom", ""), ACTUATORS);
    if !text.contains(FLANGE) {
        return Err(arm.unlike(FLANGE));
    }
    let sensors = format!("<sensor>{}</sensor>{END}", frame("flange", "attachment_site"));
    arm.replaced(&text, END, &sensors)
}

/// The arm's text without lights, key frames, and meshes, all of which are only looked at.
fn bare(arm: &Source<'_>) -> String {
    let text = without_section(arm.text, "keyframe");
    without(&without(&without(&text, "light", ""), "mesh", "file="), "geom", r#"class="visual""#)
}

/// The text without the elements of this tag that have something in their attributes. They have no children.
fn without(text: &str, tag: &str, with: &str) -> String {
    let open = format!("<{tag} ");
    let (mut kept, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(&open) {
        let end = rest[at..].find('>').map_or(rest.len(), |end| at + end + 1);
        kept.push_str(&rest[..at]);
        if !rest[at..end].contains(with) {
            kept.push_str(&rest[at..end]);
        }
        rest = &rest[end..];
    }
    kept + rest
}

/// The text without a section and all that is in it.
fn without_section(text: &str, tag: &str) -> String {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    match text.split_once(&open) {
        Some((before, rest)) => before.to_owned() + rest.split_once(&close).map_or("", |(_, after)| after),
        None => text.to_owned(),
    }
}

impl Source<'_> {
    /// The error for a text that lacks something.
    pub fn unlike(&self, want: &'static str) -> ManipulationError {
        ManipulationError::Unlike { path: self.path.clone(), want }
    }

    /// `text`, which was this file's, with `old` in it replaced once.
    pub fn replaced(&self, text: &str, old: &'static str, new: &str) -> Result<String, ManipulationError> {
        if !text.contains(old) {
            return Err(self.unlike(old));
        }
        Ok(text.replacen(old, new, 1))
    }
}

/// A path as an attribute's value. Folders that are not UTF-8 are refused before.
pub(super) fn escaped(path: &Path) -> String {
    path.to_string_lossy().replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_go_by_tag_and_attributes() {
        let text = r#"<a><geom class="visual" x="1"
            y="2"/><geom class="solid"/><geometry class="visual"/></a>"#;
        assert_eq!(
            without(text, "geom", r#"class="visual""#),
            r#"<a><geom class="solid"/><geometry class="visual"/></a>"#
        );
        assert_eq!(without(text, "geom", ""), r#"<a><geometry class="visual"/></a>"#);
        assert_eq!(without("<a><geom x", "geom", ""), "<a>", "what does not end goes whole");
        assert_eq!(without_section("<a><b><c/></b><d/></a>", "b"), "<a><d/></a>");
        assert_eq!(without_section("<a/>", "b"), "<a/>");
    }

    #[test]
    fn texts_unlike_the_packages_are_refused_by_what_they_lack() {
        let arm = Source { text: "<mujoco/>", path: "/x/ur5e.xml".into() };
        let said = arm.replaced(arm.text, OPTION, "").unwrap_err().to_string();
        assert!(said.contains("ur5e.xml") && said.contains(OPTION) && said.contains("1.2.2"), "{said}");
        assert_eq!(escaped(Path::new("/a&b/\"<c")), "/a&amp;b/&quot;&lt;c");
    }
}
