//! An episode of an environment by one of its reference policies as pictures: a strip up to the first success, and an
//! animation, with the way so far drawn over them.
//!
//! `pictures reacher-mujoco-v0 spring 1 strip.png episode.png` is one.
// A program that speaks to the terminal, of which the message is all that anybody reads.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::path::Path;

use forethought_envs::files::write_whole;
use forethought_envs::picture::Picture;
use forethought_envs::{Start, make, photographer, policy};

/// Of one picture, pixels.
const SIZE: [usize; 2] = [480, 400];
/// Pictures of the strip, and pixels between them.
const STRIP: usize = 5;
const GAP: usize = 6;
/// Steps from one picture of the animation to the next.
const STRIDE: usize = 2;
/// Colour of the way, and its width in pixels.
const WAY: [u8; 4] = [40, 90, 200, 230];
const WIDE: f64 = 2.5;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, id, name, seed, strip, animation] = arguments.as_slice() else {
        return Err("usage: pictures ENVIRONMENT POLICY SEED STRIP.png ANIMATION.png".into());
    };
    let seed = seed.parse()?;
    let (mut env, mut reference) = (make(id)?, policy(id, name)?);
    let mut photographer =
        photographer(id, SIZE)?.ok_or_else(|| format!("`{id}` brings nothing to picture it by"))?;
    env.reset(&Start::seed(seed))?;
    let task = env.task();
    reference.reset(seed, &task)?;
    let view = photographer.view();
    let (mut pictures, mut way, mut success) = (Vec::new(), Vec::new(), None);
    let mut action = vec![0.0; env.spec().action.len()];
    loop {
        let mut picture = photographer.photograph(env.observation(), &*task)?;
        way.extend(photographer.place(env.observation()));
        picture.path(&view, &way, WIDE, WAY);
        pictures.push(picture);
        reference.act(env.observation(), &mut action)?;
        let transition = env.step(&action)?;
        if transition.success {
            success = success.or(Some(pictures.len()));
        }
        if transition.ended() {
            break;
        }
    }
    let last = success.unwrap_or(usize::MAX).min(pictures.len() - 1);
    let chosen: Vec<Picture> = (0..STRIP).map(|i| pictures[i * last / (STRIP - 1)].clone()).collect();
    write_whole(Path::new(strip), &Picture::strip(&chosen, GAP)?.png()?)?;
    let shown: Vec<Picture> = pictures.into_iter().step_by(STRIDE).collect();
    let milliseconds = 1000.0 * env.spec().step_seconds.unwrap_or(0.05) * STRIDE as f64;
    write_whole(Path::new(animation), &Picture::animation(&shown, milliseconds.round() as u16)?)?;
    println!("{strip}: {STRIP} pictures; {animation}: {}", shown.len());
    Ok(())
}
