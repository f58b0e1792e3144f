//! Pictures as PNG, several in turn as animated PNG: what browsers show, without loss, and with all colours. GIF has 256
//! of them, which bands shaded surfaces.

use png::{BitDepth, BlendOp, ColorType, DisposeOp, Encoder, EncodingError};

use super::{BYTES, Picture};
use crate::EnvError;

impl Picture {
    /// The picture as a PNG file.
    ///
    /// # Errors
    /// [`EnvError::Mismatch`] for sizes that PNG does not have.
    pub fn png(&self) -> Result<Vec<u8>, EnvError> {
        Self::animation(std::slice::from_ref(self), 0)
    }

    /// Pictures in turn, each for this long, again and again, as an animated PNG file. One picture is a still one.
    ///
    /// What changes from one to the next is written alone.
    ///
    /// # Errors
    /// [`EnvError::Mismatch`] for none, for pictures of unequal sizes, and for sizes that PNG does not have.
    pub fn animation(pictures: &[Self], milliseconds: u16) -> Result<Vec<u8>, EnvError> {
        let Some(first) = pictures.first() else {
            return Err(EnvError::Mismatch(
                "an animation has at least one picture, none was given".to_owned(),
            ));
        };
        let size = (first.width, first.height);
        if let Some(other) = pictures.iter().find(|picture| (picture.width, picture.height) != size) {
            return Err(EnvError::Mismatch(format!(
                "pictures of an animation have one size, these have {} x {} and {} x {}: draw them alike",
                first.width, first.height, other.width, other.height
            )));
        }
        let (Ok(width), Ok(height), Ok(count)) =
            (u32::try_from(first.width), u32::try_from(first.height), u32::try_from(pictures.len()))
        else {
            return Err(first.refused("too large for the format"));
        };
        write(pictures, [width, height], count, milliseconds)
            .map_err(|error| first.refused(&error.to_string()))
    }

    fn refused(&self, problem: &str) -> EnvError {
        EnvError::Mismatch(format!(
            "pictures of {} x {} pixels cannot be written as PNG: {problem}; make them smaller",
            self.width, self.height
        ))
    }

    /// Columns and rows outside of which two pictures of one size are equal; one pixel where they are equal throughout.
    fn changed(&self, before: &Self) -> [[usize; 2]; 2] {
        let mut bounds = [[usize::MAX, 0]; 2];
        let pixels = self.rgb.chunks_exact(BYTES).zip(before.rgb.chunks_exact(BYTES));
        for (at, _) in pixels.enumerate().filter(|(_, (now, before))| now != before) {
            for (bound, at) in bounds.iter_mut().zip([at % self.width, at / self.width]) {
                *bound = [bound[0].min(at), bound[1].max(at + 1)];
            }
        }
        if bounds[0][1] == 0 { [[0, 1]; 2] } else { bounds }
    }
}

fn write(
    pictures: &[Picture],
    [width, height]: [u32; 2],
    count: u32,
    milliseconds: u16,
) -> Result<Vec<u8>, EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, width, height);
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_source_srgb(png::SrgbRenderingIntent::Perceptual);
    if count > 1 {
        encoder.set_animated(count, 0)?;
        encoder.set_frame_delay(milliseconds, 1000)?;
        encoder.set_dispose_op(DisposeOp::None)?;
        encoder.set_blend_op(BlendOp::Source)?;
    }
    let mut writer = encoder.write_header()?;
    let mut before: Option<&Picture> = None;
    for picture in pictures {
        match before {
            None => writer.write_image_data(&picture.rgb)?,
            Some(before) => {
                let [columns, rows] = picture.changed(before);
                let part: Vec<u8> = (rows[0]..rows[1])
                    .filter_map(|y| picture.row(y).get(columns[0] * BYTES..columns[1] * BYTES))
                    .flatten()
                    .copied()
                    .collect();
                // Parts of a picture whose sizes are 32-bit numbers.
                let [[left, right], [top, bottom]] = [columns, rows].map(|bound| bound.map(|at| at as u32));
                writer.reset_frame_position()?;
                writer.set_frame_dimension(right - left, bottom - top)?;
                writer.set_frame_position(left, top)?;
                writer.write_image_data(&part)?;
            }
        }
        before = Some(picture);
    }
    writer.finish()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    /// Pictures of a file, as a viewer would show them in turn, and for how many milliseconds each.
    fn shown(bytes: &[u8]) -> (Vec<Picture>, Option<u16>) {
        let mut reader = png::Decoder::new(Cursor::new(bytes)).read_info().unwrap();
        let (width, height) = (reader.info().width as usize, reader.info().height as usize);
        let frames = reader.info().animation_control().map_or(1, |control| control.num_frames);
        let mut canvas = Picture::filled(width, height, [9; 3]).unwrap();
        let (mut all, mut delay) = (Vec::new(), None);
        for _ in 0..frames {
            let mut part = vec![0; reader.output_buffer_size().unwrap()];
            reader.next_frame(&mut part).unwrap();
            let (mut at, mut size) = ([0, 0], [width, height]);
            if let Some(control) = reader.info().frame_control() {
                assert_eq!(control.delay_den, 1000);
                delay = Some(control.delay_num);
                at = [control.x_offset as usize, control.y_offset as usize];
                size = [control.width as usize, control.height as usize];
            }
            for (y, row) in part.chunks(size[0] * BYTES).take(size[1]).enumerate() {
                let first = ((at[1] + y) * width + at[0]) * BYTES;
                canvas.rgb[first..first + row.len()].copy_from_slice(row);
            }
            all.push(canvas.clone());
        }
        (all, delay)
    }

    proptest! {
        #[test]
        fn what_is_written_is_what_is_shown(
            (size, noise) in (1_usize..6, 1_usize..6, 1_usize..5).prop_flat_map(|(w, h, n)| {
                (Just((w, h)), prop::collection::vec(prop::collection::vec(0_u8..3, w * h * 3), n))
            }),
            milliseconds in 1_u16..500,
        ) {
            let pictures: Vec<_> =
                noise.into_iter().map(|rgb| Picture::new(size.0, size.1, rgb).unwrap()).collect();
            let (seen, delay) = shown(&Picture::animation(&pictures, milliseconds).unwrap());
            prop_assert_eq!(delay, (pictures.len() > 1).then_some(milliseconds));
            prop_assert_eq!(seen, pictures);
        }
    }

    #[test]
    fn what_stands_still_takes_no_room() {
        let noise: Vec<u8> =
            (0..64 * 64 * 3_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let still = Picture::new(64, 64, noise).unwrap();
        let mut moved = still.clone();
        moved.disc([30.0, 30.0], 4.0, [255, 0, 0, 255]);
        let one = still.png().unwrap().len();
        let many = Picture::animation(&[still.clone(), moved, still.clone(), still], 40).unwrap();
        assert!(many.len() < one + 1000, "{} against {one}", many.len());
    }

    #[test]
    fn nothing_and_unequal_sizes_are_refused() {
        let said = |pictures: &[Picture]| Picture::animation(pictures, 40).unwrap_err().to_string();
        assert!(said(&[]).contains("none was given"));
        let unequal = [1, 2].map(|width| Picture::filled(width, 3, [0; 3]).unwrap());
        assert!(said(&unequal).contains("1 x 3 and 2 x 3"));
    }
}
