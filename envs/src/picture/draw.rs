//! Lines and discs over a picture, with smooth edges.

use super::{BYTES, Picture, View};

/// Farther outside the picture than this many times its size nothing is drawn to scale any more: lines are cut there.
const FAR: f64 = 4.0;

impl Picture {
    /// Draws a line through places of the world over the picture, `wide` pixels wide. Colours are red, green, blue and how much
    /// they cover, 255 wholly. Whatever of the scene is in front of it does not hide it; what is behind the camera is left out.
    pub fn path(&mut self, view: &View, places: &[[f64; 3]], wide: f64, colour: [u8; 4]) {
        let (width, height) = (self.width, self.height);
        let segments: Vec<[[f64; 2]; 2]> = places
            .windows(2)
            .filter_map(|ends| view.segment([*ends.first()?, *ends.last()?], width, height))
            .collect();
        self.cover(&segments, wide, colour);
    }

    /// Draws a line through points of the picture, pixels from the left and from above, the same way.
    pub fn line(&mut self, points: &[[f64; 2]], wide: f64, colour: [u8; 4]) {
        let segments: Vec<[[f64; 2]; 2]> =
            points.windows(2).filter_map(|ends| Some([*ends.first()?, *ends.last()?])).collect();
        self.cover(&segments, wide, colour);
    }

    /// Draws a disc of this many pixels across.
    pub fn disc(&mut self, middle: [f64; 2], across: f64, colour: [u8; 4]) {
        self.cover(&[[middle, middle]], across, colour);
    }

    /// Colours what is nearer to any of the segments than half the width: each pixel once, so that joints and crossings of one
    /// line are no darker than the rest of it.
    fn cover(&mut self, segments: &[[[f64; 2]; 2]], wide: f64, [red, green, blue, alpha]: [u8; 4]) {
        let half = 0.5 * wide;
        let segments: Vec<_> = segments.iter().filter_map(|ends| self.cut(*ends, half + 1.0)).collect();
        let Some([columns, rows]) = self.boxed(segments.iter().flatten(), half + 1.0) else {
            return;
        };
        let mut covered = vec![0.0_f64; columns.len() * rows.len()];
        for [from, to] in segments {
            let Some([own_columns, own_rows]) = self.boxed([&from, &to].into_iter(), half + 1.0) else {
                continue;
            };
            for y in own_rows {
                for x in own_columns.clone() {
                    let away = distance([x as f64 + 0.5, y as f64 + 0.5], from, to);
                    let by = (half + 0.5 - away).clamp(0.0, wide.min(1.0));
                    let at = (y - rows.start) * columns.len() + x - columns.start;
                    if let Some(slot) = covered.get_mut(at) {
                        *slot = slot.max(by);
                    }
                }
            }
        }
        let covering = f64::from(alpha) / 255.0;
        for (at, by) in covered.into_iter().enumerate().filter(|(_, by)| *by > 0.0) {
            let (x, y) = (columns.start + at % columns.len(), rows.start + at / columns.len());
            let first = (y * self.width + x) * BYTES;
            for (slot, ink) in self.rgb.iter_mut().skip(first).zip([red, green, blue]) {
                let under = f64::from(*slot);
                *slot = (under + covering * by * (f64::from(ink) - under)).round() as u8;
            }
        }
    }

    /// The part of a segment that may be in the picture; `None` where there is none.
    fn cut(&self, [from, to]: [[f64; 2]; 2], margin: f64) -> Option<[[f64; 2]; 2]> {
        let (mut begin, mut end) = (0.0_f64, 1.0_f64);
        for (axis, size) in [self.width as f64, self.height as f64].into_iter().enumerate() {
            let (low, high) = (-margin - FAR, size + margin + FAR);
            let (at, along) = (from[axis], to[axis] - from[axis]);
            if !(at.is_finite() && along.is_finite()) || along == 0.0 && !(low..=high).contains(&at) {
                return None;
            }
            if along != 0.0 {
                let (one, other) = ((low - at) / along, (high - at) / along);
                (begin, end) = (begin.max(one.min(other)), end.min(one.max(other)));
            }
        }
        let at = |part: f64| [0, 1].map(|axis| from[axis] + part * (to[axis] - from[axis]));
        (begin <= end).then(|| [at(begin), at(end)])
    }

    /// Columns and rows of the picture around points; `None` where none is in it.
    fn boxed<'a>(
        &self,
        points: impl Iterator<Item = &'a [f64; 2]>,
        margin: f64,
    ) -> Option<[std::ops::Range<usize>; 2]> {
        let mut bounds = [[f64::INFINITY, f64::NEG_INFINITY]; 2];
        for point in points {
            for (bound, at) in bounds.iter_mut().zip(point) {
                *bound = [bound[0].min(*at), bound[1].max(*at)];
            }
        }
        let range = |[low, high]: [f64; 2], size: usize| {
            let first = (low - margin).floor().max(0.0) as usize;
            let last = ((high + margin).ceil().max(0.0) as usize).min(size);
            (first < last).then_some(first..last)
        };
        Some([range(bounds[0], self.width)?, range(bounds[1], self.height)?])
    }
}

/// Distance of a point from a segment.
fn distance(point: [f64; 2], from: [f64; 2], to: [f64; 2]) -> f64 {
    let along = [to[0] - from[0], to[1] - from[1]];
    let long = along[0] * along[0] + along[1] * along[1];
    let off = [point[0] - from[0], point[1] - from[1]];
    let part =
        if long > 0.0 { ((off[0] * along[0] + off[1] * along[1]) / long).clamp(0.0, 1.0) } else { 0.0 };
    (off[0] - part * along[0]).hypot(off[1] - part * along[1])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WHITE: [u8; 3] = [255; 3];
    const BLACK: [u8; 4] = [0, 0, 0, 255];

    fn white(width: usize, height: usize) -> Picture {
        Picture::filled(width, height, WHITE).unwrap()
    }

    #[test]
    fn a_line_covers_its_width_and_half_a_pixel_is_half_grey() {
        let mut picture = white(20, 9);
        picture.line(&[[-5.0, 4.5], [25.0, 4.5]], 2.0, BLACK);
        for x in 0..20 {
            let column: Vec<u8> = (0..9).map(|y| picture.pixel(x, y).unwrap()[0]).collect();
            assert_eq!(column, [255, 255, 255, 128, 0, 128, 255, 255, 255]);
        }
    }

    #[test]
    fn a_line_that_crosses_itself_is_no_darker_there() {
        let mut picture = white(21, 21);
        picture.line(&[[2.5, 2.5], [18.5, 18.5], [18.5, 2.5], [2.5, 18.5]], 3.0, [0, 0, 0, 100]);
        let inked = picture.pixel(5, 5).unwrap();
        assert_eq!(inked, [155; 3]);
        assert_eq!(picture.pixel(10, 10).unwrap(), inked);
        assert_eq!(picture.pixel(18, 18).unwrap(), inked);
    }

    #[test]
    fn a_disc_has_its_area() {
        let mut picture = white(40, 40);
        picture.disc([20.0, 19.0], 20.0, BLACK);
        let ink: f64 = picture.rgb().iter().map(|byte| f64::from(255 - byte) / 255.0 / 3.0).sum();
        // Pixels of the edge are covered by their distance, not by their area: 1 % is what that makes at this size.
        assert!((ink / (100.0 * std::f64::consts::PI) - 1.0).abs() < 0.01, "{ink}");
        assert_eq!(picture.pixel(20, 19), Some([0; 3]));
    }

    #[test]
    fn a_path_is_drawn_where_its_places_are_seen() {
        let view = View::orbit([0.0; 3], 2.0, 90.0, -90.0, 90.0);
        let mut picture = white(40, 20);
        picture.path(&view, &[[-1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [1.0, 1.0, 9.0]], 1.0, BLACK);
        // One unit is five pixels: from column 15 to 25, in the middle between rows 4 and 5.
        for y in [4, 5] {
            let grey = picture.pixel(20, y).unwrap()[0];
            assert!((127..=128).contains(&grey), "{grey}");
        }
        assert_eq!(picture.pixel(12, 5), Some(WHITE));
        // The last piece rises past the camera, and leaves the picture at its upper right.
        assert_ne!(picture.pixel(29, 0), Some(WHITE));
    }

    proptest! {
        /// Whatever is drawn, nothing but the neighbourhood of the line changes, and nothing overflows.
        #[test]
        fn only_the_neighbourhood_of_a_line_changes(
            points in prop::collection::vec(prop::array::uniform2(-1e3..1e3), 0..5), wide in 0.0..12.0,
        ) {
            let mut picture = white(30, 20);
            picture.line(&points, wide, BLACK);
            for (x, y) in (0..30).flat_map(|x| (0..20).map(move |y| (x, y))) {
                let at = [x as f64 + 0.5, y as f64 + 0.5];
                let away = points.windows(2).map(|ends| distance(at, ends[0], ends[1])).fold(f64::INFINITY, f64::min);
                if away > 0.5 * wide + 0.5 + 1e-6 {
                    prop_assert_eq!(picture.pixel(x, y), Some(WHITE));
                } else if away < 0.5 * wide - 0.5 - 1e-6 {
                    prop_assert_eq!(picture.pixel(x, y), Some([0; 3]));
                }
            }
        }

        #[test]
        fn numbers_that_are_none_draw_nothing(bad in prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY])) {
            let mut picture = white(10, 10);
            picture.line(&[[bad, 3.0], [5.0, 5.0]], 2.0, BLACK);
            picture.line(&[[1.0, 3.0], [5.0, bad]], 2.0, BLACK);
            picture.disc([bad, bad], 5.0, BLACK);
            prop_assert_eq!(picture, white(10, 10));
        }
    }
}
