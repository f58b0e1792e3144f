//! A made-up episode for tests: a ball that follows the corridor of the small maze, with plans that are
//! denoised in pyramid order.

use forethought_agent::{EpisodeRecord, PlanRecord, PlanSnapshot};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::MazeScene;

const LEVELS: f64 = 40.0;

/// The small D4RL maze: three rows of three cells, entered at one end of a C and left at the other.
pub(super) fn scene() -> MazeScene {
    let map = ["#####", "#..O#", "###O#", "#..O#", "#####"];
    let mut walls = Vec::new();
    for (row, cells) in map.iter().enumerate() {
        for (column, _) in cells.chars().enumerate().filter(|(_, cell)| *cell == '#') {
            let (x, y) = (row as f64 - 0.2, column as f64 - 0.2);
            walls.push([x - 0.5, y - 0.5, x + 0.5, y + 0.5]);
        }
    }
    MazeScene {
        walls,
        bounds: [-0.7, -0.7, 4.3, 4.3],
        zones: Vec::new(),
        movers: Vec::new(),
        position: [0, 1],
        ball_radius: 0.1,
        goal_radius: 0.5,
    }
}

/// Where the corridor is after `share` (0..=1) of the way, round corners.
fn corridor(share: f64) -> [f64; 2] {
    let corners = [[2.9, 0.9], [2.9, 2.7], [1.0, 2.8], [1.0, 1.0]];
    let point = |share: f64| {
        let position = share.clamp(0.0, 1.0) * 3.0;
        let leg = (position as usize).min(2);
        let weight = position - leg as f64;
        let axis = |axis: usize| corners[leg][axis] + weight * (corners[leg + 1][axis] - corners[leg][axis]);
        [axis(0), axis(1)]
    };
    let near = [-0.06, -0.03, 0.0, 0.03, 0.06].map(|offset| point(share + offset));
    [0, 1].map(|axis| near.iter().map(|point| point[axis]).sum::<f64>() / 5.0)
}

/// 160 steps, a plan of 100 frames every 20 steps, each with 11 rows of history.
pub(super) fn record() -> EpisodeRecord {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut noise = |scale: f64| scale * (0..6).map(|_| rng.random_range(-1.0..1.0)).sum::<f64>();
    let mut record = EpisodeRecord {
        env_id: "maze2d-umaze-v1".into(),
        seed: 3,
        controller: "diffused-action".into(),
        goal: Some(vec![1.0, 1.0]),
        ..Default::default()
    };
    for step in 0..=160_u32 {
        let share = f64::from(step) / 130.0;
        let wobble = 0.03 * (f64::from(step) * 0.2).sin();
        let [x, y] = corridor(share);
        record.observations.push(vec![x + wobble, y - wobble + noise(0.002), 0.0, 0.0]);
        if step > 0 {
            record.actions.push(vec![noise(0.2), noise(0.2)]);
            record.rewards.push(if share > 0.85 { 1.0 } else { 0.0 });
        }
    }
    for first_step in (0..160).step_by(20) {
        record.plans.push(plan(first_step, &mut noise));
    }
    record
}

fn plan(first_step: usize, noise: &mut impl FnMut(f64) -> f64) -> PlanRecord {
    let share = |frame: usize| (first_step + frame + 1) as f64 / 130.0;
    let bend = noise(0.03);
    let clean: Vec<[f64; 2]> = (0..100)
        .map(|frame| {
            let [x, y] = corridor(share(frame));
            let drift = bend * (frame as f64 / 25.0).sin();
            [x + drift, y + drift]
        })
        .collect();
    let trace = (0..=10_usize)
        .map(|row| {
            // Pyramid: near tokens are clean first.
            let uncertainty: Vec<f64> = (0..100)
                .map(|frame| {
                    let done = (row as f64 * 1.9 / 10.0 - 0.9 * frame as f64 / 99.0).clamp(0.0, 1.0);
                    (LEVELS * (1.0 - done)).round() / LEVELS
                })
                .collect();
            let observations = clean.iter().zip(&uncertainty).map(|([x, y], &share)| {
                let keep = (1.0 - share * share).sqrt();
                vec![1.8 + keep * (x - 1.8) + noise(0.6 * share), 1.8 + keep * (y - 1.8) + noise(0.6 * share)]
            });
            PlanSnapshot { row: row * 4, observations: observations.collect(), uncertainty }
        })
        .collect();
    PlanRecord {
        first_step,
        observations: clean.iter().map(|point| point.to_vec()).collect(),
        actions: vec![vec![0.0, 0.0]; 100],
        score: 42.0 + first_step as f64,
        rows: 40,
        took_s: 0.031,
        trace,
        ..PlanRecord::default()
    }
}
