//! The library at run time against Python's bindings, bit for bit (`envs/interop/mujoco_parity.py`).
//!
//! `FORETHOUGHT_MUJOCO_STATES` names another recording, such as one made on this machine.

use std::collections::BTreeMap;
use std::hint::black_box;

use forethought_envs::mujoco::{MujocoModel, MujocoObject, MujocoPart};
use nalgebra::DMatrix;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::{SCENE, library};

#[derive(Deserialize)]
struct Fixture {
    machine: String,
    rounding: String,
    steps: usize,
    every: usize,
    hold: usize,
    releases: BTreeMap<String, Release>,
}

#[derive(Deserialize)]
struct Release {
    state: usize,
    sizes: [usize; 5],
    contacts: usize,
    records: Vec<[String; 3]>,
    states: BTreeMap<usize, String>,
}

fn fixture() -> Fixture {
    let text = match std::env::var_os("FORETHOUGHT_MUJOCO_STATES") {
        Some(path) => std::fs::read_to_string(path).unwrap(),
        None => include_str!("../../interop/mujoco_states.json").to_owned(),
    };
    serde_json::from_str(&text).unwrap()
}

pub fn sha(values: &[f64]) -> String {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bits of a few functions that MuJoCo takes from the system, as the recorder has them.
pub fn rounding() -> String {
    let points = (0..40).map(|k| 0.1 + 0.37 * f64::from(k));
    let functions: [fn(f64) -> f64; 5] =
        [f64::sin, f64::cos, f64::exp, |x| x.atan2(black_box(1.3)), |x| x.powf(black_box(1.3))];
    let values: Vec<f64> =
        functions.iter().flat_map(|f| points.clone().map(move |x| f(black_box(x)))).collect();
    sha(&values)
}

/// Standard base64 without its padding.
fn unpacked(text: &str) -> Vec<f64> {
    let sextet = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        other => panic!("{other} is no base64"),
    };
    let mut bytes = Vec::new();
    for four in text.trim_end_matches('=').as_bytes().chunks(4) {
        let word =
            four.iter().enumerate().fold(0_u32, |word, (k, c)| word | u32::from(sextet(*c)) << (18 - 6 * k));
        bytes.extend_from_slice(&word.to_be_bytes()[1..four.len()]);
    }
    bytes.chunks_exact(8).map(|word| f64::from_le_bytes(word.try_into().unwrap())).collect()
}

#[test]
fn states_sensors_and_jacobians_are_pythons_to_the_bit() {
    let Some(library) = library() else { return };
    let fixture = fixture();
    let version = library.version().to_string();
    let Some(recorded) = fixture.releases.get(&version) else {
        println!("LEFT OUT: nothing is recorded of MuJoCo {version}");
        return;
    };
    if fixture.machine != std::env::consts::ARCH || fixture.rounding != rounding() {
        println!(
            "LEFT OUT: this system's mathematics round otherwise than those of the recording; record it anew"
        );
        return;
    }
    let model = MujocoModel::from_text(&library, SCENE).unwrap();
    let names =
        (0..model.count(MujocoObject::Sensor)).map(|id| model.name(MujocoObject::Sensor, id).unwrap());
    let sensors: Vec<_> = names.map(|name| model.sensor(&name).unwrap()).collect();
    let readings = sensors.iter().map(|sensor| sensor.len()).sum::<usize>();
    let parts =
        [MujocoPart::Positions, MujocoPart::Velocities, MujocoPart::Activations, MujocoPart::Controls];
    let [nq, nv, na, nu] = parts.map(|part| model.len_of(part));
    assert_eq!((model.state_len(), [nq, nv, na, nu, readings]), (recorded.state, recorded.sizes));
    assert!(recorded.contacts > fixture.steps / 2, "{} steps with contacts", recorded.contacts);
    let mut sim = model.simulate().unwrap();
    let site = model.id(MujocoObject::Site, "grasp").unwrap();
    let (mut state, mut jacobian) = (vec![0.0; model.state_len()], DMatrix::zeros(6, nv));
    let mut word = 7_u64;
    let (mut compared, mut whole) = (0, 0);
    for step in 1..=fixture.steps {
        if (step - 1) % fixture.hold == 0 {
            let row: Vec<f64> = (0..nu)
                .map(|_| {
                    word = word.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                    1.5 * ((word >> 40) as f64 / (1_u64 << 23) as f64 - 1.0)
                })
                .collect();
            sim.set_control(&row).unwrap();
        }
        sim.step(1).unwrap();
        if step % fixture.every != 0 {
            continue;
        }
        sim.state(&mut state).unwrap();
        let mut read = Vec::new();
        for sensor in &sensors {
            let mut reading = vec![0.0; sensor.len()];
            sim.sensor(*sensor, &mut reading).unwrap();
            read.extend(reading);
        }
        sim.site_jacobian(site, &mut jacobian).unwrap();
        let rows: Vec<f64> =
            jacobian.row_iter().flat_map(|row| row.iter().copied().collect::<Vec<_>>()).collect();
        if let Some(theirs) = recorded.states.get(&step) {
            let theirs = unpacked(theirs);
            let differ = state.iter().zip(&theirs).position(|(a, b)| a.to_bits() != b.to_bits());
            assert_eq!(differ, None, "MuJoCo {version}, step {step}: {state:?}\n{theirs:?}");
            assert_eq!(state.len(), theirs.len());
            whole += 1;
        }
        let ours = [sha(&state), sha(&read), sha(&rows)];
        assert_eq!(ours, recorded.records[step / fixture.every - 1], "MuJoCo {version}, step {step}");
        compared += 1;
    }
    assert_eq!((compared, whole), (recorded.records.len(), recorded.states.len()));
    println!("MuJoCo {version}: {compared} states, readings and Jacobians as Python's, bit for bit");
}

#[test]
fn the_recording_holds_several_releases_that_differ() {
    let fixture: Fixture = serde_json::from_str(include_str!("../../interop/mujoco_states.json")).unwrap();
    let tried = forethought_envs::mujoco::MujocoVersion::TRIED;
    assert!(tried.iter().all(|version| fixture.releases.contains_key(&version.to_string())));
    let last = |release: &str| fixture.releases[release].records.last().unwrap()[0].clone();
    assert_ne!(last("3.5.0"), last("4.0.0"), "a comparison with the wrong release would be noticed");
}
