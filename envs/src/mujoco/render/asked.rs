//! What a model asks of whoever draws it, held against what is drawn: MuJoCo ends the process where OpenGL has no such buffer.
//!
//! MuJoCo's interface does not tell these numbers. They are read where it writes them: every model that one release saves begins
//! with parts of fixed length, and a model with numbers of its own shows where in them they stand.

use std::sync::Arc;

use super::super::MujocoError;
use super::super::native::{Compiled, Source};

/// A number that a model may ask for, and the bounds within which it is drawn.
struct Number {
    name: &'static str,
    /// What stands in [`PROBE`].
    probe: i32,
    low: i32,
    high: i32,
}

const fn number(name: &'static str, probe: i32, low: i32, high: i32) -> Number {
    Number { name, probe, low, high }
}

/// Most pixels of a side of buffers, the driver's limit aside.
const SIDE: i32 = super::MOST as i32;
/// Numbers that stand one behind the other in a model. Shadows of more than 8192 pixels and shapes of more than 500 faces around
/// take gigabytes. Drivers themselves lower the number of samples.
const BUFFER: [Number; 2] = [number("offwidth", 30_011, 1, SIDE), number("offheight", 30_013, 1, SIDE)];
const QUALITY: [Number; 5] = [
    number("shadowsize", 30_029, 0, 2 * SIDE),
    number("offsamples", 30_047, 0, 64),
    number("numslices", 30_059, 1, 500),
    number("numstacks", 30_071, 1, 500),
    number("numquads", 30_089, 1, 500),
];
const PROBE: &str = r#"<mujoco><visual><global offwidth="30011" offheight="30013"/>
<quality shadowsize="30029" offsamples="30047" numslices="30059" numstacks="30071" numquads="30089"/></visual></mujoco>"#;

/// Refuses a model that asks for more than is drawn, or for buffers without pixels; `most` is the driver's side of a buffer.
///
/// # Errors
/// [`MujocoError::Picture`] with the number's name and bounds.
pub(super) fn check(model: &Arc<Compiled>, most: usize) -> Result<(), MujocoError> {
    let most = i32::try_from(most).unwrap_or(i32::MAX);
    let probe = Compiled::new(model.symbols(), "a model without anything", Source::Text(PROBE), &[])?.bytes();
    let own = model.bytes();
    for numbers in [&BUFFER[..], &QUALITY[..]] {
        let asked = read(numbers, &probe, &own).ok_or_else(|| MujocoError::Picture {
            problem: format!(
                "MuJoCo {} saves models in a way that this program does not know: use 3.5.0 to 4.0.0",
                model.symbols().version
            ),
        })?;
        for (Number { name, low, high, .. }, asked) in numbers.iter().zip(asked) {
            let high = if *high >= SIDE { most.min(*high) } else { *high };
            if !(*low..=high).contains(&asked) {
                return Err(MujocoError::Picture {
                    problem: format!(
                        "the model's `visual` asks for {asked} as `{name}`: {low} to {high} are drawn"
                    ),
                });
            }
        }
    }
    Ok(())
}

/// A model's own numbers, in the place that a probe has them in.
fn read(numbers: &[Number], probe: &[u8], own: &[u8]) -> Option<Vec<i32>> {
    let wanted: Vec<u8> = numbers.iter().flat_map(|number| number.probe.to_ne_bytes()).collect();
    let mut places = probe.windows(wanted.len()).enumerate().filter(|(_, window)| *window == wanted);
    let (place, _) = places.next()?;
    let bytes = own.get(place..place + wanted.len()).filter(|_| places.next().is_none())?;
    bytes.chunks_exact(4).map(|bytes| bytes.try_into().ok().map(i32::from_ne_bytes)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_where_the_probe_has_its_own() {
        let saved = |numbers: [i32; 4]| numbers.iter().flat_map(|n| n.to_ne_bytes()).collect::<Vec<u8>>();
        let probe = saved([7, 30_011, 30_013, 9]);
        assert_eq!(read(&BUFFER, &probe, &saved([7, 640, -1, 9])), Some(vec![640, -1]));
        assert_eq!(read(&BUFFER, &saved([7, 30_013, 30_011, 9]), &probe), None, "another order");
        assert_eq!(read(&BUFFER, &probe, &saved([1; 4])[..10]), None, "too short");
        let twice = saved([30_011, 30_013, 30_011, 30_013]);
        assert_eq!(read(&BUFFER, &twice, &probe), None, "no telling which");
    }
}
