//! Pictures of scenes. Without EGL these tests say that they are left out, unless `FORETHOUGHT_EGL` is set.

use forethought_envs::mujoco::half_cheetah::HALF_CHEETAH;
use forethought_envs::mujoco::{
    MujocoCamera, MujocoError, MujocoModel, MujocoPart, MujocoRenderer, MujocoSim, REACHER, REACHER_RADIUS,
};
use forethought_envs::picture::{Picture, View};
use forethought_envs::{NoTask, Start, make, photographer};

use crate::half_cheetah::gymnasium_model;
use crate::model;

/// A red ball and a green one that glow on black, the red one movable, and cameras of every kind.
const BALLS: &str = r#"<mujoco>
  <visual><global offwidth="160" offheight="120" fovy="50"/><headlight ambient="0 0 0" diffuse="0 0 0" specular="0 0 0"/></visual>
  <asset>
    <material name="red" emission="1" rgba="1 0 0 1"/><material name="green" emission="1" rgba="0 1 0 1"/>
  </asset>
  <worldbody>
    <camera name="side" pos="0 -2 0.5" xyaxes="1 0 0 0 0.2 1" fovy="60"/>
    <camera name="lens" pos="0.1 -2 0" xyaxes="1 0 0 0 0 1" resolution="640 480" sensorsize="0.006 0.004" focal="0.005 0.005"/>
    <camera name="flat" pos="0 0 3" projection="orthographic" fovy="2"/>
    <camera name="crooked" pos="0 -2 0" xyaxes="1 0 0 0 0 1" resolution="640 480" sensorsize="0.006 0.004" focal="0.005 0.005" principal="0.0006 0.0004"/>
    <body name="red" mocap="true" pos="0.3 0 0.2"><geom type="sphere" size="0.03" material="red"/></body>
    <body name="green" pos="-0.4 0.2 0.1"><geom type="sphere" size="0.03" material="green"/></body>
  </worldbody>
</mujoco>"#;

const FREE: MujocoCamera =
    MujocoCamera::Free { lookat: [0.05, 0.0, 0.1], distance: 2.0, azimuth: 70.0, elevation: -35.0 };

fn fixed(name: &str) -> MujocoCamera {
    MujocoCamera::Fixed(name.to_owned())
}

/// A renderer; `None`, said aloud, where nothing draws here.
fn renderer(model: &MujocoModel, width: usize, height: usize) -> Option<MujocoRenderer> {
    match MujocoRenderer::new(model, width, height) {
        Ok(renderer) => Some(renderer),
        Err(error @ MujocoError::NoGraphics { .. }) if std::env::var_os("FORETHOUGHT_EGL").is_none() => {
            println!("LEFT OUT: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn balls(width: usize, height: usize) -> Option<(MujocoSim, MujocoRenderer)> {
    let model = model(BALLS)?;
    Some((model.simulate().unwrap(), renderer(&model, width, height)?))
}

fn put(sim: &mut MujocoSim, place: [f64; 3]) {
    sim.write(MujocoPart::MocapPlaces, &place).unwrap();
    sim.forward();
}

/// Middle and number of the pixels in which a channel is bright and the others are dark.
fn spot(picture: &Picture, channel: usize) -> ([f64; 2], f64) {
    let (mut sum, mut count) = ([0.0; 2], 0.0);
    for (x, y) in (0..picture.width()).flat_map(|x| (0..picture.height()).map(move |y| (x, y))) {
        let pixel = picture.pixel(x, y).unwrap();
        let weight = f64::from(pixel[channel]) / 255.0;
        let others: f64 = (0..3).filter(|c| *c != channel).map(|c| f64::from(pixel[c])).sum();
        if others < 1.0 {
            sum = [sum[0] + weight * (x as f64 + 0.5), sum[1] + weight * (y as f64 + 0.5)];
            count += weight;
        }
    }
    (sum.map(|sum| sum / count), count)
}

#[test]
fn the_same_state_has_the_same_pixels() {
    let Some((mut sim, mut first)) = balls(97, 61) else { return };
    let mut second = MujocoRenderer::new(sim.model(), 97, 61).unwrap();
    let one = first.render(&sim, &FREE).unwrap();
    assert_eq!((one.width(), one.height()), (97, 61));
    assert_eq!(one, first.render(&sim, &FREE).unwrap());
    assert_eq!(one, second.render(&sim, &FREE).unwrap());
    put(&mut sim, [0.0, 0.0, 0.4]);
    let other = first.render(&sim, &FREE).unwrap();
    assert_ne!(one, other);
    assert_eq!(other, second.render(&sim, &FREE).unwrap(), "the second had another past");
    drop(second);
    put(&mut sim, [0.3, 0.0, 0.2]);
    assert_eq!(one, first.render(&sim, &FREE).unwrap(), "after another renderer went");
}

/// By every kind of camera, and in pictures of different shapes: sizes above and below what the model asks for among them.
#[test]
fn a_ball_is_seen_where_its_place_is_projected() {
    for (width, height, cameras) in [(300, 200, &["side", "lens", "flat"][..]), (99, 161, &["side", "flat"])]
    {
        let Some((mut sim, mut renderer)) = balls(width, height) else { return };
        for camera in cameras.iter().map(|name| fixed(name)).chain([FREE]) {
            let view = renderer.view(&sim, &camera).unwrap();
            let green = view.project([-0.4, 0.2, 0.1], width, height).unwrap();
            for place in [[0.3, 0.0, 0.2], [-0.1, 0.25, 0.0], [0.1, 0.4, 0.45]] {
                put(&mut sim, place);
                let picture = renderer.render(&sim, &camera).unwrap();
                for (channel, seen) in [(0, view.project(place, width, height).unwrap()), (1, green)] {
                    let (at, area) = spot(&picture, channel);
                    let away = (at[0] - seen.at[0]).hypot(at[1] - seen.at[1]);
                    // A ball's outline is an ellipse whose middle is off by less than a tenth of its radius at these angles; a
                    // ball is made of flat faces besides.
                    assert!(away < 0.5, "{camera:?} {place:?}: {at:?} instead of {:?}", seen.at);
                    let round = std::f64::consts::PI * (0.03 * seen.scale).powi(2);
                    assert!(
                        (area / round - 1.0).abs() < 0.15,
                        "{camera:?}: {area} pixels instead of {round}"
                    );
                }
            }
            put(&mut sim, [0.3, 0.0, 0.2]);
        }
    }
}

#[test]
fn only_the_neighbourhood_of_what_moved_changes() {
    let Some((mut sim, mut renderer)) = balls(200, 150) else { return };
    let (from, to) = ([0.3, 0.0, 0.2], [0.35, 0.1, 0.2]);
    let view = renderer.view(&sim, &FREE).unwrap();
    let before = renderer.render(&sim, &FREE).unwrap();
    put(&mut sim, to);
    let after = renderer.render(&sim, &FREE).unwrap();
    let places = [from, to].map(|place| view.project(place, 200, 150).unwrap());
    let mut changed = 0;
    for (x, y) in (0..200).flat_map(|x| (0..150).map(move |y| (x, y))) {
        if before.pixel(x, y) != after.pixel(x, y) {
            changed += 1;
            let near = places.iter().any(|seen| {
                (seen.at[0] - x as f64 - 0.5).hypot(seen.at[1] - y as f64 - 0.5) < 0.03 * seen.scale + 2.0
            });
            assert!(near, "({x}, {y}) changed");
        }
    }
    assert!(changed > 20, "{changed} pixels");
}

/// The free camera's view is the geometry that is written down for it.
#[test]
fn the_view_of_a_free_camera_is_that_of_its_numbers() {
    let Some((sim, mut renderer)) = balls(64, 48) else { return };
    let own = View::orbit([0.05, 0.0, 0.1], 2.0, 70.0, -35.0, 50.0);
    let view = renderer.view(&sim, &FREE).unwrap();
    for place in [[0.0; 3], [0.3, -0.4, 0.2], [-1.0, 0.5, 0.7]] {
        let [a, b] = [own, view].map(|view| view.project(place, 640, 480).unwrap());
        // MuJoCo's angles are single numbers.
        assert!((a.at[0] - b.at[0]).hypot(a.at[1] - b.at[1]) < 1e-3, "{a:?} {b:?}");
        assert!((a.depth - b.depth).abs() < 1e-6);
    }
}

#[test]
fn several_draw_at_once_on_threads_and_one_moves_between_them() {
    let Some((mut sim, mut here)) = balls(80, 60) else { return };
    let places: Vec<[f64; 3]> = (0..8).map(|i| [0.1 * f64::from(i) - 0.4, 0.0, 0.3]).collect();
    let alone: Vec<Picture> = places
        .iter()
        .map(|place| {
            put(&mut sim, *place);
            here.render(&sim, &FREE).unwrap()
        })
        .collect();
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let (model, places) = (sim.model().clone(), places.clone());
            std::thread::spawn(move || {
                let mut sim = model.simulate().unwrap();
                // Made anew again and again, so that making and dropping fall between the other's pictures.
                let drawn: Vec<Picture> = places
                    .iter()
                    .map(|place| {
                        put(&mut sim, *place);
                        MujocoRenderer::new(&model, 80, 60).unwrap().render(&sim, &FREE).unwrap()
                    })
                    .collect();
                drawn
            })
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), alone);
    }
    let moved = std::thread::spawn(move || here.render(&sim, &FREE).unwrap());
    assert_eq!(moved.join().unwrap(), alone[7]);
}

#[test]
fn what_cannot_be_drawn_is_refused_with_the_remedy() {
    let Some((mut sim, mut drawing)) = balls(64, 48) else { return };
    for (width, height) in [(0, 5), (5, 0), (5, 5000), (usize::MAX, 5)] {
        let said = MujocoRenderer::new(sim.model(), width, height).unwrap_err();
        assert!(matches!(said, MujocoError::PictureSize { most: 1..=4096, .. }), "{said}");
        assert!(said.to_string().contains("smaller"), "{said}");
    }
    let mut said = |camera: &MujocoCamera| drawing.render(&sim, camera).unwrap_err().to_string();
    let unknown = said(&fixed("above"));
    assert!(unknown.contains("no camera named `above`: side, lens, flat, crooked"), "{unknown}");
    let free = |lookat, distance| MujocoCamera::Free { lookat, distance, azimuth: 0.0, elevation: 0.0 };
    assert!(said(&free([0.0, f64::NAN, 0.0], 1.0)).contains("finite"));
    assert!(said(&free([0.0; 3], f64::INFINITY)).contains("finite"));
    assert!(said(&free([0.0; 3], 0.0)).contains("a distance above 0"));
    let crooked = fixed("crooked");
    assert!(drawing.render(&sim, &crooked).is_ok());
    let said = drawing.view(&sim, &crooked).unwrap_err().to_string();
    assert!(said.contains("leave `principal`"), "{said}");
    let said = drawing.view(&sim, &fixed("lens")).unwrap_err().to_string();
    assert!(said.contains("64 x 48 pixels are stretched") && said.contains("1.5000 times"), "{said}");
    let other =
        model("<mujoco><worldbody><geom size='1'/></worldbody></mujoco>").unwrap().simulate().unwrap();
    let said = drawing.render(&other, &FREE).unwrap_err().to_string();
    assert!(said.contains("make one of the same model"), "{said}");
    put(&mut sim, [0.0; 3]);
    assert!(drawing.render(&sim, &FREE).is_ok(), "after all refusals");
}

/// The same text compiled twice is the same model.
#[test]
fn a_model_compiled_again_is_drawn_the_same() {
    let Some((sim, mut renderer)) = balls(64, 48) else { return };
    let again = model(BALLS).unwrap().simulate().unwrap();
    assert_eq!(renderer.render(&again, &FREE).unwrap(), renderer.render(&sim, &FREE).unwrap());
}

/// What is drawn leaves the simulation as it was, to the bit.
#[test]
fn drawing_changes_nothing_of_the_state() {
    let text = r#"<mujoco><worldbody><geom type="plane" size="1 1 0.1"/>
        <body pos="0 0 0.2"><freejoint/><geom size="0.1"/></body></worldbody></mujoco>"#;
    let Some(model) = model(text) else { return };
    let Some(mut renderer) = renderer(&model, 32, 24) else { return };
    let (mut drawn, mut alone) = (model.simulate().unwrap(), model.simulate().unwrap());
    for _ in 0..100 {
        drawn.step(1).unwrap();
        alone.step(1).unwrap();
        renderer.render(&drawn, &FREE).unwrap();
    }
    assert_eq!(drawn.save(), alone.save());
}

/// MuJoCo warns of the first thing that has no room, and draws the others: that is no picture of the scene.
#[test]
fn a_scene_with_too_many_things_is_refused() {
    let text = r#"<mujoco><worldbody><replicate count="10100" offset="0.01 0 0"><site size="0.01"/></replicate>
        </worldbody></mujoco>"#;
    let Some(model) = model(text) else { return };
    let Some(mut renderer) = renderer(&model, 32, 24) else { return };
    let said = renderer.render(&model.simulate().unwrap(), &FREE).unwrap_err().to_string();
    assert!(said.contains("MuJoCo warns"), "{said}");
}

#[test]
fn the_reacher_is_pictured_from_observations() {
    if model(BALLS).and_then(|model| renderer(&model, 8, 8)).is_none() {
        return;
    }
    let mut photographer = photographer(REACHER, [320, 240]).unwrap().unwrap();
    let mut env = make(REACHER).unwrap();
    env.reset(&Start { goal: Some(vec![-0.2, 0.25]), position: Some(vec![0.0, 0.0]), ..Start::seed(1) })
        .unwrap();
    let at = |picture: &Picture, place: [f64; 3], view: View| {
        let [x, y] = view.project(place, 320, 240).unwrap().at;
        picture.pixel(x as usize, y as usize).unwrap().map(i32::from)
    };
    let orange = |[red, _, blue]: [i32; 3]| red > blue + 60;
    let (task, view) = (env.task(), photographer.view());
    let straight = photographer.photograph(env.observation(), &*task).unwrap();
    assert_eq!(photographer.place(env.observation()), Some([0.45, 0.0, 0.0]));
    assert!(orange(at(&straight, [0.4, 0.0, 0.015], view)));
    assert!(!orange(at(&straight, [0.0, 0.4, 0.015], view)));
    // The ring of the goal is red, and what is inside of it the floor.
    assert!(orange(at(&straight, [-0.2 + REACHER_RADIUS, 0.25, 0.0], view)));
    assert!(!orange(at(&straight, [-0.2, 0.25, 0.0], view)));
    // A quarter turn at the shoulder, as observed.
    let turned = [std::f64::consts::FRAC_PI_2, 0.0, 0.0, 0.0, 0.0, 0.45, 0.0, 0.0];
    let turned = photographer.photograph(&turned, &NoTask).unwrap();
    assert!(!orange(at(&turned, [0.4, 0.0, 0.015], view)) && orange(at(&turned, [0.0, 0.4, 0.015], view)));
    assert!(
        !orange(at(&turned, [-0.2 + REACHER_RADIUS, 0.25, 0.0], view)),
        "without a task there is no goal"
    );
    let said = photographer.photograph(&[0.0; 7], &NoTask).unwrap_err().to_string();
    assert!(said.contains("has 8 numbers, 7 were given"), "{said}");
    assert!(photographer.photograph(&[f64::NAN; 8], &NoTask).is_err());
}

/// In the middle of the picture, at the height and with the pitch that were observed.
#[test]
fn a_half_cheetah_is_pictured_as_it_was_observed() {
    if gymnasium_model().is_none() || model(BALLS).and_then(|model| renderer(&model, 8, 8)).is_none() {
        return;
    }
    let mut photographer = photographer(HALF_CHEETAH, [320, 240]).unwrap().unwrap();
    let view = photographer.view();
    let mut torso_at = |seen: &[f64; 17], place: [f64; 3]| {
        let picture = photographer.photograph(seen, &NoTask).unwrap();
        let [x, y] = view.project(place, 320, 240).unwrap().at;
        let [red, _, blue] = picture.pixel(x as usize, y as usize).unwrap().map(i32::from);
        red > blue + 40
    };
    // The torso is a capsule along x, 4.6 cm thick on either side, 70 cm up at rest.
    let rest = [0.0; 17];
    let (mut raised, mut reared) = (rest, rest);
    (raised[0], reared[1]) = (0.2, -0.5);
    let [low, high, front] =
        [[0.0, 0.0, 0.7], [0.0, 0.0, 0.9], [0.4 * 0.5_f64.cos(), 0.0, 0.7 + 0.4 * 0.5_f64.sin()]];
    assert!(torso_at(&rest, low) && !torso_at(&rest, high) && !torso_at(&rest, front));
    assert!(torso_at(&raised, high) && !torso_at(&raised, low));
    assert!(torso_at(&reared, front) && torso_at(&reared, low));
    assert_eq!(photographer.place(&rest), None, "how far it has come is not seen");
    let said = photographer.photograph(&[0.0; 18], &NoTask).unwrap_err().to_string();
    assert!(said.contains("has 17 numbers, 18 were given"), "{said}");
    assert!(photographer.photograph(&[f64::NAN; 17], &NoTask).is_err());
}

/// What an environment brings is asked for by its name alone.
#[test]
fn environments_without_pictures_have_none() {
    assert!(photographer("maze2d-umaze-v1", [8, 8]).unwrap().is_none());
    assert!(photographer("no-such-v0", [8, 8]).is_err());
}

/// MuJoCo ends the process where OpenGL cannot give what a model asks for.
#[test]
fn a_model_that_asks_for_more_than_is_drawn_is_refused() {
    if model(BALLS).and_then(|model| renderer(&model, 8, 8)).is_none() {
        return;
    }
    let of = |visual: &str| {
        let body =
            "<worldbody><light pos='0 0 3'/><body><freejoint/><geom name='a' size='0.1'/></body></worldbody>";
        let model = model(&format!("<mujoco><visual>{visual}</visual>{body}</mujoco>")).unwrap();
        let drawn = MujocoRenderer::new(&model, 8, 8);
        drawn.and_then(|mut renderer| renderer.render(&model.simulate().unwrap(), &FREE))
    };
    for (element, name, bad) in [
        ("global", "offwidth", &[0, -5, 100_000][..]),
        ("global", "offheight", &[0, -5, 100_000]),
        ("quality", "shadowsize", &[-1, 1_000_000]),
        ("quality", "offsamples", &[-1, 1000]),
        ("quality", "numslices", &[0, 100_000]),
        ("quality", "numstacks", &[0, 100_000]),
        ("quality", "numquads", &[0, 100_000]),
    ] {
        for value in bad {
            let said = of(&format!("<{element} {name}='{value}'/>")).unwrap_err().to_string();
            assert!(said.contains(&format!("asks for {value} as `{name}`")), "{said}");
        }
    }
    let least = "<global offwidth='1' offheight='1'/>
        <quality shadowsize='0' offsamples='0' numslices='1' numstacks='1' numquads='1'/>";
    assert!(of(least).is_ok(), "{:?}", of(least));
}
