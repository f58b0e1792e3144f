//! Per-step agreement with trajectories recorded from real MuJoCo (`envs/parity/record.py`).
//!
//! Each recorded step is taken on its own: open-loop trajectories drift apart at wall corners even
//! between two exact solvers.
// Failed expectations and equal bits are the point of a test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp, clippy::print_stdout)]

use std::io::Read;

use flate2::read::GzDecoder;
use forethought_envs::maze::{MazeFrame, MazeGeometry, MazeLayout, PhysicsProfile, PointMass};
use serde::Deserialize;

/// Largest error allowed in any component of any step.
const TOLERANCE: f64 = 1e-9;

#[derive(Deserialize)]
struct Header {
    profile: String,
    trajectories: Vec<Trajectory>,
}

#[derive(Deserialize)]
struct Trajectory {
    frame: String,
    layout: String,
    steps: usize,
}

struct Parity {
    steps: usize,
    touching: usize,
    clipped: usize,
    worst: f64,
    miscounted: usize,
    layouts: usize,
}

fn take<'a>(bytes: &mut &'a [u8], len: usize) -> &'a [u8] {
    let (head, tail) = bytes.split_at(len);
    *bytes = tail;
    head
}

fn floats(bytes: &[u8]) -> Vec<f64> {
    bytes.chunks_exact(8).map(|word| f64::from_le_bytes(word.try_into().unwrap())).collect()
}

fn replay(file: &[u8], profile: PhysicsProfile) -> Parity {
    let mut raw = Vec::new();
    GzDecoder::new(file).read_to_end(&mut raw).unwrap();
    let mut rest = raw.as_slice();
    let header_len = u32::from_le_bytes(take(&mut rest, 4).try_into().unwrap());
    let header: Header = serde_json::from_slice(take(&mut rest, header_len as usize)).unwrap();
    assert!(!header.profile.is_empty());
    let mut parity = Parity { steps: 0, touching: 0, clipped: 0, worst: 0.0, miscounted: 0, layouts: 0 };
    let mut seen = Vec::new();
    for trajectory in &header.trajectories {
        let frame = match trajectory.frame.as_str() {
            "d4rl" => MazeFrame::D4rl,
            "centred" => MazeFrame::Centred,
            other => panic!("frame {other}"),
        };
        let key = (trajectory.frame.clone(), trajectory.layout.clone());
        if !seen.contains(&key) {
            seen.push(key);
        }
        let layout = MazeLayout::parse(&trajectory.layout).unwrap();
        let physics = PointMass::new(&MazeGeometry::new(layout, frame), profile);
        let states = floats(take(&mut rest, (trajectory.steps + 1) * 32));
        let actions = floats(take(&mut rest, trajectory.steps * 16));
        let contacts = take(&mut rest, trajectory.steps);
        for step in 0..trajectory.steps {
            let mut state: [f64; 4] = states[4 * step..4 * step + 4].try_into().unwrap();
            parity.clipped += usize::from(state[2].abs() > 5.0 || state[3].abs() > 5.0);
            let touched = physics.step(&mut state, [actions[2 * step], actions[2 * step + 1]]);
            parity.miscounted += usize::from(touched != usize::from(contacts[step]));
            for (ours, theirs) in state.iter().zip(&states[4 * step + 4..4 * step + 8]) {
                parity.worst = parity.worst.max((ours - theirs).abs());
            }
            parity.steps += 1;
            parity.touching += usize::from(touched > 0);
        }
    }
    assert!(rest.is_empty(), "{} bytes left over", rest.len());
    parity.layouts = seen.len();
    parity
}

fn check(file: &[u8], profile: PhysicsProfile, min_steps: usize) {
    let parity = replay(file, profile);
    let share = parity.touching as f64 / parity.steps as f64;
    println!(
        "{}: {} steps, {:.1} % touching walls, {} clipped, worst error {:.2e}",
        profile.name(),
        parity.steps,
        100.0 * share,
        parity.clipped,
        parity.worst
    );
    assert!(parity.steps >= min_steps, "{} steps", parity.steps);
    assert!(share >= 0.3, "{share} of the steps touch a wall");
    assert_eq!(parity.layouts, 6);
    assert_eq!(parity.miscounted, 0, "steps with another number of contacts");
    assert!(parity.clipped > 100, "{} steps were clipped", parity.clipped);
    assert!(parity.worst < TOLERANCE, "worst error {:e}", parity.worst);
}

#[test]
fn mujoco_2_steps_agree() {
    check(include_bytes!("../parity/mujoco2.gz"), PhysicsProfile::MuJoCo2, 10_000);
}

#[test]
fn mujoco_3_0_steps_agree() {
    check(include_bytes!("../parity/mujoco30.gz"), PhysicsProfile::MuJoCo30, 3_000);
}

#[test]
fn mujoco_3_steps_agree() {
    check(include_bytes!("../parity/mujoco3.gz"), PhysicsProfile::MuJoCo3, 10_000);
}

/// The profiles differ, and the comparison above notices.
#[test]
fn each_recording_rejects_the_other_profiles() {
    let files: [(&[u8], PhysicsProfile); 3] = [
        (include_bytes!("../parity/mujoco2.gz"), PhysicsProfile::MuJoCo2),
        (include_bytes!("../parity/mujoco30.gz"), PhysicsProfile::MuJoCo30),
        (include_bytes!("../parity/mujoco3.gz"), PhysicsProfile::MuJoCo3),
    ];
    for (file, own) in files {
        for (_, profile) in files.into_iter().filter(|(_, profile)| *profile != own) {
            let worst = replay(file, profile).worst;
            assert!(worst > 1e-4, "{own:?} recording against {profile:?}: {worst:e}");
        }
    }
}
