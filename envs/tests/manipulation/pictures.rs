//! Pictures of cubes and of the scene. Without EGL these tests say that they are left out, unless `FORETHOUGHT_EGL` is set.

use forethought_envs::manipulation::{Cubes, SCENE, SceneThings};
use forethought_envs::picture::{Photographer, Picture};
use forethought_envs::{Environment, NoTask, Start, photographer};

use crate::{cubes, scene};

const WIDE: usize = 320;
const HIGH: usize = 260;

fn pictures(id: &str) -> Option<Box<dyn Photographer>> {
    match photographer(id, [WIDE, HIGH]) {
        Ok(photographer) => photographer,
        Err(error) if std::env::var_os("FORETHOUGHT_EGL").is_none() && error.to_string().contains("EGL") => {
            println!("LEFT OUT: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Number and middle of the pixels of a colour.
fn of_colour(picture: &Picture, is: impl Fn([i32; 3]) -> bool) -> (usize, [f64; 2]) {
    let (mut count, mut sum) = (0, [0.0; 2]);
    for (x, y) in (0..HIGH).flat_map(|y| (0..WIDE).map(move |x| (x, y))) {
        if picture.pixel(x, y).is_some_and(|pixel| is(pixel.map(i32::from))) {
            count += 1;
            sum = [sum[0] + x as f64 + 0.5, sum[1] + y as f64 + 0.5];
        }
    }
    (count, sum.map(|sum| sum / count.max(1) as f64))
}

/// Pixels in which two pictures differ by more than shades.
fn differing(a: &Picture, b: &Picture) -> usize {
    let pixels = (0..HIGH).flat_map(|y| (0..WIDE).map(move |x| (x, y)));
    let far = |(x, y): &(usize, usize)| {
        let both = [a, b].map(|picture| picture.pixel(*x, *y).unwrap().map(i32::from));
        both[0].iter().zip(both[1]).any(|(a, b)| (a - b).abs() > 12)
    };
    pixels.filter(far).count()
}

/// Two cubes in their colours where they were seen, and the arm, which goes along with its joints.
#[test]
fn cubes_and_arm_are_pictured_where_they_were_seen() {
    let kind = Cubes::Double;
    let Some(mut env) = cubes(kind) else { return };
    let Some(mut photographer) = pictures(kind.id()) else { return };
    let position = vec![0.3, 1.5, 0.2, 0.3, -1.5, 0.2];
    env.reset(&Start { position: Some(position), ..Start::seed(1) }).unwrap();
    let seen = env.observation().to_vec();
    let picture = photographer.photograph(&seen, &NoTask).unwrap();
    let view = photographer.view();
    let red = of_colour(&picture, |[r, g, b]| r > 90 && g < r / 2 && b < r / 2);
    let blue = of_colour(&picture, |[r, g, b]| b > 90 && r < 2 * b / 3 && g < 3 * b / 4);
    for ((count, middle), y) in [(red, 0.15), (blue, -0.15)] {
        let want = view.project([0.455, y, 0.02], WIDE, HIGH).unwrap().at;
        let off = (middle[0] - want[0]).hypot(middle[1] - want[1]);
        assert!(count > 30 && off < 8.0, "{count} {middle:?} {want:?}");
    }
    let mut turned = seen.clone();
    turned[0] += 0.3;
    let other = photographer.photograph(&turned, &NoTask).unwrap();
    assert!(differing(&picture, &other) > WIDE * HIGH / 40, "{}", differing(&picture, &other));
    let with_goal = photographer.photograph(&seen, &*env.task()).unwrap();
    assert!(differing(&picture, &with_goal) > 30);
    assert_eq!(photographer.photograph(&seen, &NoTask).unwrap(), picture, "the goal is gone again");
    let hand = photographer.place(&seen).unwrap();
    assert!((hand[0] - (seen[12] / 10.0 + 0.425)).abs() < 1e-12);
    let said = photographer.photograph(&seen[..28], &NoTask).unwrap_err().to_string();
    assert!(said.contains("37 numbers, 28"), "{said}");
    turned[3] = f64::NAN;
    assert!(photographer.photograph(&turned, &NoTask).is_err());
}

/// Buttons in the colours of their states; drawer and window where they are.
#[test]
fn the_scene_is_pictured_as_it_was_seen() {
    let Some(mut env) = scene() else { return };
    let Some(mut photographer) = pictures(SCENE) else { return };
    let things = SceneThings { cube: [0.3, 0.1, 0.02], buttons: [false, true], drawer: 0.0, window: 0.0 };
    let mut of = |things: &SceneThings| {
        env.reset(&Start { position: Some(things.shown().to_vec()), ..Start::seed(1) }).unwrap();
        photographer.photograph(env.observation(), &NoTask).unwrap()
    };
    let [shut, open, slid] =
        [things, SceneThings { drawer: -0.16, ..things }, SceneThings { window: 0.2, ..things }]
            .map(|things| of(&things));
    let switched = of(&SceneThings { buttons: [true, false], ..things });
    assert!(differing(&shut, &open) > 300 && differing(&shut, &slid) > 300);
    let view = photographer.view();
    for (button, y) in [(0, -0.05), (1, 0.05)] {
        let [x, y] = view.project([0.58, y, 0.128], WIDE, HIGH).unwrap().at;
        let red = |picture: &Picture| {
            let [r, g, b] = picture.pixel(x as usize, y as usize).unwrap().map(i32::from);
            r > g + 40 && r > b + 40
        };
        assert_eq!((red(&shut), red(&switched)), (button == 0, button == 1), "{button}");
    }
    let said = photographer.photograph(&[0.0; 28], &NoTask).unwrap_err().to_string();
    assert!(said.contains("40 numbers, 28"), "{said}");
}
