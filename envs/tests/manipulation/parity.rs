//! Single steps against the real package.

use forethought_envs::manipulation::Cubes;
use forethought_envs::{Environment, Simulator, Snapshot};

use crate::fixture::Fixture;
use crate::{cubes, models};

/// Largest difference of two rows.
pub fn off(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// The scene that is put together here and the one that the package puts together move alike, to the bit, under the
/// same controls.
#[test]
fn the_scene_moves_as_the_packages_to_the_bit() {
    let fixture = Fixture::read();
    for kind in Cubes::ALL {
        let Some(models) = models(kind) else { return };
        if !fixture.rounds_alike() || models.scene().library().version().to_string() != fixture.mujoco {
            println!("LEFT OUT: another release of MuJoCo, or mathematics that round otherwise");
            return;
        }
        let mut sim = models.scene().simulate().unwrap();
        let mut touching = 0;
        for (number, step) in fixture.of(kind).steps.iter().enumerate() {
            sim.restore(&step.state).unwrap();
            sim.forward();
            sim.step(1).unwrap();
            sim.set_control(&step.control).unwrap();
            sim.step(25).unwrap();
            assert_eq!(sim.positions(), step.positions, "{kind:?}, step {number}");
            assert_eq!(sim.velocities(), step.velocities, "{kind:?}, step {number}");
            touching += usize::from(step.observation[18] > 0.1);
        }
        assert!(touching > 5, "{kind:?}: a cube is held in {touching} steps");
    }
}

/// From an action to the next observation. The controls are inverse kinematics', whose sums round in another order
/// than those of LAPACK: they differ in the last bits, and what follows from them by as much as contacts make of it.
#[test]
fn an_action_leads_to_what_the_package_sees() {
    let fixture = Fixture::read();
    for kind in Cubes::ALL {
        let Some(mut env) = cubes(kind) else { return };
        if env.simulation().model().library().version().to_string() != fixture.mujoco {
            println!("LEFT OUT: another release of MuJoCo than that of the recording");
            return;
        }
        let model = env.snapshot().words[2];
        let (mut worst, mut seen) = ([0.0_f64; 3], 0.0_f64);
        let mut control = vec![0.0; 7];
        for step in &fixture.of(kind).steps {
            let state = [step.state.clone(), vec![0.4; 3 * kind.count()]].concat();
            let words = vec![1, 1, model];
            env.restore(&Snapshot { env_id: kind.id().into(), state, words }).unwrap();
            env.step(&step.action).unwrap();
            let sim = env.simulation();
            sim.read(forethought_envs::mujoco::MujocoPart::Controls, &mut control).unwrap();
            let own = [
                off(&control, &step.control),
                off(sim.positions(), &step.positions),
                off(sim.velocities(), &step.velocities),
            ];
            worst.iter_mut().zip(own).for_each(|(worst, own)| *worst = worst.max(own));
            seen = seen.max(off(env.observation(), &step.observation));
        }
        println!(
            "{kind:?}: off by {:.1e} in controls, {:.1e} in positions, {:.1e} in velocities, {seen:.1e} in observations",
            worst[0], worst[1], worst[2]
        );
        assert!(worst[0] < 1e-9 && worst[1] < 1e-9 && worst[2] < 1e-7 && seen < 1e-7, "{kind:?}");
    }
}
