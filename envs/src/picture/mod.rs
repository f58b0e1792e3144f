//! Pictures made of pixels: where a camera shows a place, lines over a scene, and files of one picture or many.
//!
//! [`Picture`] holds the pixels, [`View`] says where in them a place of the world is. Nothing here knows what drew a scene.

mod draw;
mod file;
mod photographer;
mod view;

pub use photographer::Photographer;
pub use view::{Seen, View};

use crate::EnvError;

/// Bytes of a pixel.
const BYTES: usize = 3;

/// A picture of eight bits each of red, green and blue (sRGB), its rows from above.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

impl Picture {
    /// A picture of these bytes, three for each pixel.
    ///
    /// # Errors
    /// [`EnvError::Mismatch`] where they are not `width * height` pixels, or none.
    pub fn new(width: usize, height: usize, rgb: Vec<u8>) -> Result<Self, EnvError> {
        let bytes = width.checked_mul(height).and_then(|pixels| pixels.checked_mul(BYTES));
        if bytes != Some(rgb.len()) || rgb.is_empty() {
            return Err(EnvError::Mismatch(format!(
                "a picture has at least one pixel of three bytes, {} bytes were given for {width} x {height}",
                rgb.len()
            )));
        }
        Ok(Self { width, height, rgb })
    }

    /// A picture of one colour.
    ///
    /// # Errors
    /// As [`Self::new`], for sizes of 0 and for those that no memory holds.
    pub fn filled(width: usize, height: usize, colour: [u8; 3]) -> Result<Self, EnvError> {
        let pixels = width.checked_mul(height).filter(|pixels| *pixels <= usize::MAX / 16);
        let pixels = pixels.ok_or_else(|| {
            EnvError::Mismatch(format!(
                "a picture of {width} x {height} pixels is too large: make it smaller"
            ))
        })?;
        Self::new(width, height, colour.repeat(pixels))
    }

    /// Pixels in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// All bytes: red, green, blue of each pixel, from the upper left along the rows.
    pub fn rgb(&self) -> &[u8] {
        &self.rgb
    }

    /// The pixel in column `x` of row `y`, both from the upper left; `None` outside.
    pub fn pixel(&self, x: usize, y: usize) -> Option<[u8; 3]> {
        let at = (y * self.width + x) * BYTES;
        let bytes = self.rgb.get(at..at + BYTES).filter(|_| x < self.width)?;
        bytes.try_into().ok()
    }

    fn row(&self, y: usize) -> &[u8] {
        let long = self.width * BYTES;
        self.rgb.get(y * long..(y + 1) * long).unwrap_or_default()
    }

    /// Pictures side by side, `gap` white pixels between them: a strip.
    ///
    /// # Errors
    /// [`EnvError::Mismatch`] for none, and for pictures of unequal heights.
    pub fn strip(pictures: &[Self], gap: usize) -> Result<Self, EnvError> {
        let height = pictures.first().map_or(0, |first| first.height);
        if let Some(other) = pictures.iter().find(|picture| picture.height != height) {
            return Err(EnvError::Mismatch(format!(
                "pictures of a strip have one height, these have {height} and {}: draw them alike",
                other.height
            )));
        }
        let width = pictures.iter().map(|picture| picture.width).sum::<usize>()
            + gap * pictures.len().saturating_sub(1);
        let mut rgb = Vec::with_capacity(width * height * BYTES);
        for y in 0..height {
            for (number, picture) in pictures.iter().enumerate() {
                if number > 0 {
                    rgb.resize(rgb.len() + gap * BYTES, u8::MAX);
                }
                rgb.extend_from_slice(picture.row(y));
            }
        }
        Self::new(width, height, rgb)
    }

    /// Pictures one below the other, `gap` white rows between them.
    ///
    /// # Errors
    /// [`EnvError::Mismatch`] for none, and for pictures of unequal widths.
    pub fn column(pictures: &[Self], gap: usize) -> Result<Self, EnvError> {
        let width = pictures.first().map_or(0, |first| first.width);
        if let Some(other) = pictures.iter().find(|picture| picture.width != width) {
            return Err(EnvError::Mismatch(format!(
                "pictures of a column have one width, these have {width} and {}: draw them alike",
                other.width
            )));
        }
        let mut rgb = Vec::new();
        for (number, picture) in pictures.iter().enumerate() {
            if number > 0 {
                rgb.resize(rgb.len() + gap * width * BYTES, u8::MAX);
            }
            rgb.extend_from_slice(&picture.rgb);
        }
        let height = rgb.len().checked_div(width * BYTES).unwrap_or(0);
        Self::new(width, height, rgb)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strip_has_the_pictures_in_order_with_white_between() {
        let of = |width, colour| Picture::filled(width, 2, colour).unwrap();
        let strip = Picture::strip(&[of(1, [1, 2, 3]), of(2, [4, 5, 6])], 1).unwrap();
        assert_eq!((strip.width(), strip.height()), (4, 2));
        for y in 0..2 {
            let row: Vec<_> = (0..5).map(|x| strip.pixel(x, y)).collect();
            assert_eq!(row, [Some([1, 2, 3]), Some([255; 3]), Some([4, 5, 6]), Some([4, 5, 6]), None]);
        }
        assert_eq!(strip.pixel(0, 2), None);
    }

    #[test]
    fn a_column_has_the_pictures_in_order_with_white_between() {
        let of = |height, colour| Picture::filled(2, height, colour).unwrap();
        let column = Picture::column(&[of(1, [1, 2, 3]), of(2, [4, 5, 6])], 1).unwrap();
        assert_eq!((column.width(), column.height()), (2, 4));
        for x in 0..2 {
            let down: Vec<_> = (0..5).map(|y| column.pixel(x, y)).collect();
            assert_eq!(down, [Some([1, 2, 3]), Some([255; 3]), Some([4, 5, 6]), Some([4, 5, 6]), None]);
        }
    }

    #[test]
    fn pictures_of_nothing_and_unequal_ones_are_refused() {
        let said = |answer: Result<Picture, EnvError>| answer.unwrap_err().to_string();
        assert!(said(Picture::new(2, 2, vec![0; 11])).contains("11 bytes were given for 2 x 2"));
        assert!(said(Picture::filled(0, 3, [0; 3])).contains("0 x 3"));
        assert!(said(Picture::filled(usize::MAX, 2, [0; 3])).contains("too large"));
        assert!(said(Picture::filled(usize::MAX / 8, 1, [0; 3])).contains("too large"));
        assert!(said(Picture::strip(&[], 3)).contains("at least one pixel"));
        let unequal = [1, 2].map(|height| Picture::filled(3, height, [0; 3]).unwrap());
        assert!(said(Picture::strip(&unequal, 0)).contains("have 1 and 2"));
        assert!(said(Picture::column(&[], 3)).contains("at least one pixel"));
        let unequal = [1, 2].map(|width| Picture::filled(width, 3, [0; 3]).unwrap());
        assert!(said(Picture::column(&unequal, 0)).contains("have 1 and 2"));
    }
}
