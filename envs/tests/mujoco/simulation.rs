//! Models and simulations.

use forethought_envs::mujoco::{
    MujocoError, MujocoModel, MujocoObject, MujocoPart, MujocoSim, MujocoState, MujocoVersion,
};
use nalgebra::DMatrix;

use crate::{SCENE, library, model};

const BALL: &str = r#"<mujoco><option timestep="0.01"/><worldbody><body name="ball" pos="0 0 5"><freejoint/>
    <geom size="0.1"/></body></worldbody></mujoco>"#;
const ARM: &str = r#"<mujoco><option gravity="0 0 0"/><worldbody><body><joint name="a" axis="0 0 1"/><geom size="0.1" pos="1 0 0"/>
    <body pos="1 0 0"><joint name="b" axis="0 1 0"/><geom size="0.1" pos="1 0 0"/><site name="tip" pos="1 0 0.5"/></body>
    </body></worldbody><actuator><motor joint="a"/></actuator><sensor><framepos name="tip" objtype="site" objname="tip"/>
    <framequat name="turn" objtype="site" objname="tip"/></sensor></mujoco>"#;

fn state(sim: &MujocoSim) -> Vec<u64> {
    let mut values = vec![0.0; sim.model().state_len()];
    sim.state(&mut values).unwrap();
    values.iter().map(|value| value.to_bits()).collect()
}

/// Controls of step `k` of the scene: pushes cubes about.
fn push(sim: &mut MujocoSim, k: usize) {
    let wave = |period: f64| (k as f64 / period).sin();
    sim.set_control(&[0.2 * wave(170.0), -0.1 + 0.1 * wave(90.0), 0.5 * wave(230.0), (k / 300 % 2) as f64])
        .unwrap();
}

/// MuJoCo's integrator is semi-implicit: after `n` steps from rest the ball has fallen `g h^2 n (n + 1) / 2`.
#[test]
fn a_ball_falls_as_the_integrator_says() {
    let Some(model) = model(BALL) else { return };
    assert_eq!(model.timestep(), 0.01);
    let sizes =
        [MujocoPart::Positions, MujocoPart::Velocities, MujocoPart::Controls].map(|part| model.len_of(part));
    assert_eq!(sizes, [7, 6, 0]);
    let mut sim = model.simulate().unwrap();
    assert_eq!((sim.time(), sim.positions()[2]), (0.0, 5.0));
    for (steps, n) in [(1, 1.0), (29, 30.0), (0, 30.0), (20, 50.0)] {
        sim.step(steps).unwrap();
        let fallen = 9.81e-4 * n * (n + 1.0) / 2.0;
        assert!((5.0 - sim.positions()[2] - fallen).abs() < 1e-12, "{n}: {:?}", sim.positions());
        assert!((sim.velocities()[2] + 0.0981 * n).abs() < 1e-12);
        assert!((sim.time() - 0.01 * n).abs() < 1e-12);
    }
    sim.reset();
    assert_eq!((sim.time(), sim.positions()[2], sim.velocities()[2]), (0.0, 5.0, 0.0));
}

#[test]
fn a_state_put_back_goes_on_bit_for_bit() {
    let Some(model) = model(SCENE) else { return };
    let mut sim = model.simulate().unwrap();
    for k in 0..700 {
        push(&mut sim, k);
        sim.step(1).unwrap();
    }
    let saved = sim.save();
    let text = serde_json::to_string(&saved).unwrap();
    let read: MujocoState = serde_json::from_str(&text).unwrap();
    assert_eq!(read, saved);
    // Into a fresh simulation, and into one that has been elsewhere.
    let mut fresh = model.simulate().unwrap();
    let mut other = model.simulate().unwrap();
    other.step(123).unwrap();
    fresh.load(&read).unwrap();
    other.load(&read).unwrap();
    for k in 700..1_100 {
        for each in [&mut sim, &mut fresh, &mut other] {
            push(each, k);
            each.step(1).unwrap();
        }
        assert_eq!(state(&sim), state(&fresh), "step {k}");
        assert_eq!(state(&sim), state(&other), "step {k}");
    }
    // The warm start is part of it: without it the future is another.
    let mut cold = model.simulate().unwrap();
    for part in [MujocoPart::Positions, MujocoPart::Velocities, MujocoPart::Activations, MujocoPart::Controls]
    {
        let mut values = vec![0.0; model.len_of(part)];
        sim.read(part, &mut values).unwrap();
        cold.write(part, &values).unwrap();
    }
    sim.step(50).unwrap();
    cold.step(50).unwrap();
    assert_ne!(sim.positions(), cold.positions());
}

#[test]
fn computing_what_follows_leaves_the_state() {
    let Some(model) = model(SCENE) else { return };
    let mut sim = model.simulate().unwrap();
    push(&mut sim, 40);
    sim.step(200).unwrap();
    let before = state(&sim);
    let sensor = model.sensor("grasp").unwrap();
    let (mut late, mut now) = ([0.0; 3], [0.0; 3]);
    sim.sensor(sensor, &mut late).unwrap();
    sim.forward();
    sim.sensor(sensor, &mut now).unwrap();
    assert_eq!(state(&sim), before);
    assert_ne!(late, now, "readings were those of the beginning of the time step");
    assert!((now[0] - sim.positions()[0]).abs() < 1e-12, "the hand is where its slide is");
}

/// The Jacobian against central differences of the sensors that read place and rotation.
#[test]
fn a_sites_jacobian_is_the_slope_of_its_place() {
    let Some(model) = model(ARM) else { return };
    let (place, turn) = (model.sensor("tip").unwrap(), model.sensor("turn").unwrap());
    assert_eq!((place.len(), turn.len()), (3, 4));
    let site = model.id(MujocoObject::Site, "tip").unwrap();
    let mut sim = model.simulate().unwrap();
    let at = [0.3, -0.7];
    let look = |sim: &mut MujocoSim, angles: [f64; 2]| {
        let (mut p, mut q) = ([0.0; 3], [0.0; 4]);
        sim.write(MujocoPart::Positions, &angles).unwrap();
        sim.forward();
        sim.sensor(place, &mut p).unwrap();
        sim.sensor(turn, &mut q).unwrap();
        (p, q)
    };
    let (_, [w, x, y, z]) = look(&mut sim, at);
    let mut jacobian = DMatrix::zeros(6, 2);
    sim.site_jacobian(site, &mut jacobian).unwrap();
    for joint in 0..2 {
        let moved = |by: f64| std::array::from_fn(|k| if k == joint { at[k] + by } else { at[k] });
        let ((high, [hw, hx, hy, hz]), (low, [lw, lx, ly, lz])) =
            (look(&mut sim, moved(1e-5)), look(&mut sim, moved(-1e-5)));
        for axis in 0..3 {
            let slope = (high[axis] - low[axis]) / 2e-5;
            assert!((slope - jacobian[(axis, joint)]).abs() < 1e-8, "{joint} {axis}");
        }
        // Angular velocity in the world: twice the vector part of dq q*.
        let (dw, dx, dy, dz) = (hw - lw, hx - lx, hy - ly, hz - lz);
        let spin = [
            w * dx - x * dw + y * dz - z * dy,
            w * dy - y * dw + z * dx - x * dz,
            w * dz - z * dw + x * dy - y * dx,
        ];
        for axis in 0..3 {
            assert!(
                (spin[axis] / 1e-5 - jacobian[(axis + 3, joint)]).abs() < 1e-8,
                "{joint} {axis} {spin:?} {jacobian}"
            );
        }
    }
    assert!(
        sim.site_jacobian(1, &mut jacobian).is_err() && sim.site_jacobian(usize::MAX, &mut jacobian).is_err()
    );
    assert!(sim.site_jacobian(site, &mut DMatrix::zeros(3, 2)).is_err());
}

#[test]
fn names_are_found_and_others_get_those_there_are() {
    let Some(model) = model(SCENE) else { return };
    assert_eq!(model.id(MujocoObject::Body, "world").unwrap(), 0);
    for kind in [MujocoObject::Joint, MujocoObject::Actuator, MujocoObject::Sensor] {
        for id in 0..model.count(kind) {
            let name = model.name(kind, id).unwrap();
            assert_eq!(model.id(kind, &name).unwrap(), id);
        }
        assert_eq!(model.name(kind, model.count(kind)), None);
    }
    let counts = [
        MujocoObject::Actuator,
        MujocoObject::Sensor,
        MujocoObject::Site,
        MujocoObject::Tendon,
        MujocoObject::Equality,
    ]
    .map(|kind| model.count(kind));
    assert_eq!(counts, [4, 7, 4, 2, 1]);
    let said = model.sensor("gras").unwrap_err().to_string();
    assert!(said.contains("no sensor named `gras`") && said.contains("grasp, blue, ball"), "{said}");
    let said = model.id(MujocoObject::Geom, "a\0b").unwrap_err().to_string();
    assert!(said.contains("table"), "{said}");
}

#[test]
fn models_that_do_not_load_are_refused_in_mujocos_words() {
    let Some(library) = library() else { return };
    let refused = |text: &str| MujocoModel::from_text(&library, text).unwrap_err();
    for (text, says) in [
        ("", "the model's text: MuJoCo refuses"),
        ("<mujoco>", "Line number=1"),
        ("<mujoco>\0</mujoco>", "zero byte"),
        ("<mujoco><worldbody>\n<body><geom siz=\"1\"/></body></worldbody></mujoco>", "line 2"),
        ("<mujoco><worldbody><body><joint/></body></worldbody></mujoco>", "mass and inertia"),
        (r#"<mujoco><option timestep="0"/></mujoco>"#, "timestep"),
    ] {
        let error = refused(text);
        assert!(matches!(error, MujocoError::Model { .. }), "{error:?}");
        assert!(error.to_string().contains(says), "{error}");
    }
    let mesh = r#"<mujoco><asset><mesh name="m" file="m.obj"/></asset><worldbody><geom type="mesh" mesh="m"/></worldbody></mujoco>"#;
    assert!(matches!(refused(mesh), MujocoError::Asset { problem, .. } if problem.contains("m.obj")));
    // Not a mesh: 3.6.0 reads those by plug-ins.
    let whole = r#"<mujoco><include file="part.xml"/></mujoco>"#;
    assert!(matches!(refused(whole), MujocoError::Asset { problem, .. } if problem.contains("part.xml")));
    let part = ("part.xml", r#"<mujoco><worldbody><geom size="1"/></worldbody></mujoco>"#.as_bytes());
    let loaded = MujocoModel::from_text_with(&library, whole, &[part]).unwrap();
    assert_eq!(loaded.count(MujocoObject::Geom), 1);
    let twice = MujocoModel::from_text_with(&library, whole, &[part, part]).unwrap_err();
    assert!(twice.to_string().contains("give each name once"), "{twice}");
    let unnamed = MujocoModel::from_text_with(&library, whole, &[("a\0", b"")]).unwrap_err();
    assert!(unnamed.to_string().contains("zero byte"), "{unnamed}");
    let gone = std::env::temp_dir().join("forethought-no-such-model.xml");
    assert!(MujocoModel::from_file(&library, &gone).unwrap_err().to_string().contains("no-such-model.xml"));
}

#[test]
fn a_model_in_a_file_is_the_model_of_its_text() {
    let Some(library) = library() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("arm.xml");
    std::fs::write(&file, ARM).unwrap();
    let (one, other) =
        (MujocoModel::from_file(&library, &file).unwrap(), MujocoModel::from_text(&library, ARM).unwrap());
    assert_eq!(one.state_len(), other.state_len());
    assert_eq!(MujocoModel::from_text(&library, ARM).unwrap().hash(), other.hash());
    assert_ne!(MujocoModel::from_text(&library, BALL).unwrap().hash(), other.hash());
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let (Some(arm), Some(ball)) = (model(ARM), model(BALL)) else { return };
    let mut sim = arm.simulate().unwrap();
    sim.set_control(&[0.5]).unwrap();
    sim.step(3).unwrap();
    let before = state(&sim);
    let len = arm.state_len();
    let errors = [
        sim.set_control(&[0.1, 0.2]),
        sim.set_control(&[f64::NAN]),
        sim.write(MujocoPart::Positions, &[0.0, f64::INFINITY]),
        sim.write(MujocoPart::Velocities, &[0.0]),
        sim.restore(&vec![0.0; len + 1]),
        sim.restore(&vec![f64::NAN; len]),
        sim.load(&ball.simulate().unwrap().save()),
        sim.read(MujocoPart::Controls, &mut [0.0; 2]),
        sim.state(&mut [0.0]),
        sim.sensor(arm.sensor("tip").unwrap(), &mut [0.0; 2]),
    ];
    let says = [
        "ctrl has 1 numbers in this model, 2 were given",
        "ctrl[0] is NaN",
        "qpos[1] is inf",
        "qvel has 2 numbers",
        "a state has",
        "state[0] is NaN",
        "was saved with model",
        "ctrl has 1",
        "a state has",
        "a reading of this sensor has 3",
    ];
    for (error, says) in errors.into_iter().zip(says) {
        let said = error.unwrap_err().to_string();
        assert!(said.contains(says), "{said}");
    }
    assert_eq!(state(&sim), before);
}

/// MuJoCo puts its own state in the place of one that is too large, and goes on: that must not pass for a step.
#[test]
fn a_body_that_flies_off_is_told_of() {
    let Some(model) = model(BALL) else { return };
    let mut sim = model.simulate().unwrap();
    let mut good = vec![0.0; model.state_len()];
    sim.state(&mut good).unwrap();
    let mut wild = [0.0; 6];
    wild[1] = 1e200;
    for round in 0..3 {
        sim.write(MujocoPart::Velocities, &wild).unwrap();
        let error = sim.step(1 + round).unwrap_err();
        assert!(matches!(error, MujocoError::Diverged { .. }), "{error}");
        let said = error.to_string();
        assert!(said.contains("QVEL") && said.contains("reset it"), "{said}");
        assert_eq!(sim.step(1).unwrap_err().to_string(), said, "until it is reset");
        if round == 0 {
            sim.reset()
        } else {
            sim.restore(&good).unwrap()
        }
        sim.step(5).unwrap();
        assert!(sim.warning().is_none());
    }
    // Another simulation's warning is not this one's.
    sim.write(MujocoPart::Velocities, &wild).unwrap();
    assert!(sim.step(1).is_err());
    model.simulate().unwrap().step(1).unwrap();
    assert!(!std::path::Path::new("MUJOCO_LOG.TXT").exists(), "MuJoCo wrote its log");
}

#[test]
fn threads_simulate_alone_and_compile_at_once() {
    let Some(library) = library() else { return };
    let run = |model: &MujocoModel| {
        let mut sim = model.simulate().unwrap();
        for k in 0..400 {
            push(&mut sim, k);
            sim.step(1).unwrap();
        }
        state(&sim)
    };
    let shared = MujocoModel::from_text(&library, SCENE).unwrap();
    let alone = run(&shared);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|k| {
                let (library, shared) = (library.clone(), shared.clone());
                scope.spawn(move || {
                    let own = (k % 2 == 1).then(|| MujocoModel::from_text(&library, SCENE).unwrap());
                    run(own.as_ref().unwrap_or(&shared))
                })
            })
            .collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), alone);
        }
    });
}

#[test]
fn a_simulation_outlives_the_hands_that_made_it_and_moves_between_threads() {
    let Some(library) = library() else { return };
    let again = forethought_envs::mujoco::MujocoLibrary::open(library.path()).unwrap();
    assert_eq!(again.version(), library.version());
    assert!(library.version() >= MujocoVersion::OLDEST && library.version() < MujocoVersion::TOO_NEW);
    let model = MujocoModel::from_text(&library, BALL).unwrap();
    let mut sim = model.simulate().unwrap();
    drop(model);
    drop(library);
    drop(again);
    let height = std::thread::spawn(move || {
        sim.step(10).unwrap();
        sim.positions()[2]
    });
    assert!(height.join().unwrap() < 5.0);
}
