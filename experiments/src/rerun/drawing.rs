//! What has a place: the scene, the goal, the body and the plans.

use forethought_agent::RecordedEpisode;
use forethought_envs::{Area, Scene};
use forethought_planner::{Plan, Snapshot};
use re_log_encoding::EncodeError;
use re_sdk_types::archetypes::{Boxes3D, LineStrips3D, Points3D, ViewCoordinates};
use re_sdk_types::components::{Color, FillMode, Radius};

use super::course::follows;
use super::log::{Log, Moment};
use super::{Coming, Episode};

/// Colours that colour-blind readers tell apart (Okabe and Ito), as in the other pictures where those have the thing too; red,
/// green, blue.
const EXECUTED: [u8; 3] = [86, 180, 233];
const NEAR: [u8; 3] = [0, 158, 115];
const REST: [u8; 3] = [150, 150, 160];
const OUTCOME: [u8; 3] = [230, 159, 0];
const GOAL: [u8; 3] = [213, 94, 0];
const ZONE: [u8; 3] = [204, 121, 167];
const WALL: [u8; 3] = [207, 212, 220];

/// Ticks in one line of the executed path. Each tick writes its line anew, up to where it is: longer lines would cost the
/// square, shorter ones more names.
const LINE: usize = 100;
/// Frames shown of a plan that is not finished.
const FORMING: usize = 64;
/// Height of walls where the body is a point, in metres.
const HEIGHT: f64 = 0.1;
/// Width of lines and size of points, in the viewer's units.
const THIN: f32 = 0.75;
const WIDE: f32 = 1.75;

type Point = [f32; 3];

pub(super) fn log(log: &mut Log<'_>, episode: &Episode<'_>, scene: &Scene) -> Result<(), EncodeError> {
    still(log, episode.recorded, scene)?;
    let mut coming: Option<&Coming<'_>> = None;
    let mut shown = false;
    let mut line: Vec<Point> = Vec::new();
    let mut number = 0;
    for (tick, (moment, now)) in episode.ticks().enumerate() {
        if let Some(new) = episode.plans.get(&now.tick) {
            forming(log, new, scene)?;
            (coming, shown) = (Some(new), false);
        }
        match coming {
            Some(coming) if follows(now.rung) && !shown => {
                in_force(log, moment, coming, episode, scene)?;
                shown = true;
            }
            // It is off the scene for as long as it is not followed.
            Some(_) if shown && !follows(now.rung) => {
                for part in ["plan/near", "plan/rest", "plan/outcomes"] {
                    log.at(moment, part, &strips(Vec::new(), NEAR, THIN))?;
                }
                shown = false;
            }
            _ => {}
        }
        let Some(at) = place(&now.observation, scene) else { continue };
        let body = match scene.body_radius {
            radius if radius > 0.0 => Radius::new_scene_units(radius as f32),
            _ => Radius::new_ui_points(3.0 * WIDE),
        };
        let body = Points3D::new([at]).with_radii([body]).with_colors([colour(EXECUTED)]);
        log.at(moment, "robot/at", &body)?;
        if std::mem::replace(&mut number, tick / LINE) < tick / LINE {
            // The next line begins where the last one ends.
            line = line.pop().into_iter().collect();
        }
        line.push(at);
        let entity = format!("robot/executed/{number}");
        log.at(moment, &entity, &strips(vec![line.clone()], EXECUTED, WIDE))?;
    }
    Ok(())
}

/// What does not move.
fn still(log: &mut Log<'_>, episode: &RecordedEpisode, scene: &Scene) -> Result<(), EncodeError> {
    log.always("/", &ViewCoordinates::RIGHT_HAND_Z_UP())?;
    let height = if scene.body_radius > 0.0 { scene.body_radius } else { HEIGHT };
    let drawable = |area: &&Area| area.min.iter().chain(&area.max).all(|value| value.is_finite());
    let solids: Vec<&Area> = scene.solids.iter().filter(drawable).collect();
    if !solids.is_empty() {
        // Below the plane that the rest is drawn in, so that nothing hides it.
        let boxes = boxes(&solids, [-2.0 * height, -height]).with_fill_mode(FillMode::Solid);
        log.always("scene/walls", &boxes.with_colors([colour(WALL)]))?;
    }
    if drawable(&&scene.bounds) {
        log.always("scene/bounds", &boxes(&[&scene.bounds], [-height, -height]).with_colors([colour(WALL)]))?;
    }
    let zones: Vec<_> = scene.zones.iter().filter_map(|zone| Some((flat(zone.at)?, zone))).collect();
    if !zones.is_empty() {
        let radius = |radius: f64| match radius > 0.0 && radius.is_finite() {
            true => Radius::new_scene_units(radius as f32),
            false => Radius::new_ui_points(3.0 * WIDE),
        };
        let points = Points3D::new(zones.iter().map(|(at, _)| *at))
            .with_radii(zones.iter().map(|(_, zone)| radius(zone.radius)))
            .with_labels(zones.iter().map(|(_, zone)| zone.name.clone()));
        log.always("scene/zones", &points.with_colors([colour(ZONE)]))?;
    }
    let goal = |entry: usize| episode.begin.goal.iter().find(|(at, _)| *at == entry).map(|(_, value)| *value);
    let [x, y] = scene.position.map(goal);
    if let Some(at) = x.zip(y).and_then(|(x, y)| flat([x, y])) {
        log.always("scene/goal", &circle(at, episode.begin.tolerance))?;
    }
    Ok(())
}

/// The plan that is followed from now on.
fn in_force(
    log: &mut Log<'_>,
    moment: Moment,
    coming: &Coming<'_>,
    episode: &Episode<'_>,
    scene: &Scene,
) -> Result<(), EncodeError> {
    let plan = &coming.followed.plan;
    let line = episode.recorded.ticks.get(coming.observed_tick);
    let start = line.and_then(|line| place(&line.observation, scene));
    let frames = (0..plan.frames).map(|frame| place(plan.observation(frame)?, scene));
    let all: Vec<Option<Point>> = std::iter::once(start).chain(frames).collect();
    // The last settled frame begins the rest too, so that the line has no gap.
    let (near, rest) = (all.iter().take(plan.clean + 1), all.iter().skip(plan.clean));
    log.at(moment, "plan/near", &strips(vec![near.flatten().copied().collect()], NEAR, WIDE))?;
    log.at(moment, "plan/rest", &strips(vec![rest.flatten().copied().collect()], REST, THIN))?;
    log.at(moment, "plan/outcomes", &strips(outcomes(plan, start, scene), OUTCOME, THIN))
}

/// Outcomes, each from where the plan says that it begins.
fn outcomes(plan: &Plan, start: Option<Point>, scene: &Scene) -> Vec<Vec<Point>> {
    let width = plan.observations.len().checked_div(plan.frames).unwrap_or(0).max(1);
    let outcomes = plan.outlook.iter().flat_map(|outlook| &outlook.outcomes);
    let line = |outcome: &forethought_planner::Outcome| {
        let from = match outcome.first_frame.checked_sub(1) {
            Some(before) => plan.observation(before).and_then(|at| place(at, scene)),
            None => start,
        };
        let frames = outcome.observations.chunks_exact(width).filter_map(|at| place(at, scene));
        from.into_iter().chain(frames).collect()
    };
    outcomes.map(line).collect()
}

/// How the plan firmed up: the rows that were kept, spread over the time from its observation until it came. When each was
/// done is not recorded.
fn forming(log: &mut Log<'_>, coming: &Coming<'_>, scene: &Scene) -> Result<(), EncodeError> {
    let plan = &coming.followed.plan;
    let Coming { observed, from, .. } = coming;
    let took = from.time.saturating_sub(observed.time);
    let width = plan.observations.len().checked_div(plan.frames).unwrap_or(0).max(1);
    let rows = plan.trace.len();
    for (at, snapshot) in plan.trace.iter().enumerate() {
        let moment =
            Moment { time: observed.time + took.mul_f64(at as f64 / rows as f64), step: observed.step };
        log.at(moment, "planning/forming", &points(snapshot, width, scene))?;
    }
    match rows {
        0 => Ok(()),
        _ => log.at(*from, "planning/forming", &Points3D::new(Vec::<Point>::new())),
    }
}

fn points(snapshot: &Snapshot, width: usize, scene: &Scene) -> Points3D {
    let frames: Vec<&[f64]> = snapshot.observations.chunks_exact(width).collect();
    let every = frames.len().div_ceil(FORMING).max(1);
    let shown = frames.iter().enumerate().step_by(every);
    let shown: Vec<_> = shown.filter_map(|(frame, at)| Some((place(at, scene)?, frame))).collect();
    let noise = |frame: usize| snapshot.uncertainty.get(frame).copied().unwrap_or(0.0).clamp(0.0, 1.0);
    let mixed = |frame: usize| {
        let noise = noise(frame);
        let mix = |(settled, noisy): (u8, u8)| f64::from(settled) * (1.0 - noise) + f64::from(noisy) * noise;
        let mut channels = NEAR.into_iter().zip(REST).map(|pair| mix(pair) as u8);
        colour(std::array::from_fn(|_| channels.next().unwrap_or(0)))
    };
    Points3D::new(shown.iter().map(|(at, _)| *at))
        .with_colors(shown.iter().map(|(_, frame)| mixed(*frame)))
        .with_radii([Radius::new_ui_points(WIDE)])
}

/// The place of an observation, where it has one that can be drawn.
fn place(observation: &[f64], scene: &Scene) -> Option<Point> {
    let [x, y] = scene.position;
    flat([*observation.get(x)?, *observation.get(y)?])
}

fn flat([x, y]: [f64; 2]) -> Option<Point> {
    let at = [x as f32, y as f32, 0.0];
    at.iter().all(|value| value.is_finite()).then_some(at)
}

fn colour([red, green, blue]: [u8; 3]) -> Color {
    Color::from_rgb(red, green, blue)
}

fn strips(lines: Vec<Vec<Point>>, rgb: [u8; 3], radius: f32) -> LineStrips3D {
    let lines = LineStrips3D::new(lines).with_colors([colour(rgb)]);
    lines.with_radii([Radius::new_ui_points(radius)])
}

/// Rectangles between two heights.
fn boxes(areas: &[&Area], [low, high]: [f64; 2]) -> Boxes3D {
    let between = |of: fn(f64, f64) -> f64| {
        areas.iter().map(move |Area { min, max }| {
            [of(min[0], max[0]) as f32, of(min[1], max[1]) as f32, of(low, high) as f32]
        })
    };
    let centres: Vec<Point> = between(|a, b| (a + b) / 2.0).collect();
    let halves: Vec<Point> = between(|a, b| (b - a).abs() / 2.0).collect();
    Boxes3D::from_centers_and_half_sizes(centres, halves)
}

/// The goal, with the distance that counts as there.
fn circle([x, y, z]: Point, radius: f64) -> LineStrips3D {
    let radius = if radius.is_finite() { radius.max(0.0) as f32 } else { 0.0 };
    let corner = |i: u8| {
        let angle = std::f32::consts::TAU * f32::from(i) / 48.0;
        [x + radius * angle.cos(), y + radius * angle.sin(), z]
    };
    let cross = |dx: f32, dy: f32| vec![[x - dx, y - dy, z], [x + dx, y + dy, z]];
    let arm = radius / 4.0;
    strips(vec![(0..=48).map(corner).collect(), cross(arm, 0.0), cross(0.0, arm)], GOAL, WIDE)
}
