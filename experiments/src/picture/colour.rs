//! Colours: one ramp for time, readable on white and told apart by colour-blind readers.

/// Text and axes.
pub(super) const INK: &str = "#1c2230";
/// Secondary text.
pub(super) const MUTED: &str = "#5d6575";
/// Wall cells.
pub(super) const WALL: &str = "#cfd4dc";
/// The ground of a picture; drawn, so that dark pages do not shine through.
pub(super) const GROUND: &str = "#ffffff";
/// Style of text that stands on lines: an edge in the ground's colour.
pub(super) const HALO: &str = r##"paint-order="stroke" stroke="#ffffff" stroke-width="3""##;
/// The goal: vermilion, which no part of the ramp comes near (Okabe and Ito's palette).
pub(super) const GOAL: &str = "#d55e00";

/// Zones of the ground: purple, between the ramp's ends and far from the goal (Okabe and Ito's palette).
pub(super) const ZONE: &str = "#cc79a7";

/// Anchors of the viridis map (van der Walt and Smith), evenly spaced, red, green, blue.
pub(super) const ANCHORS: [[f64; 3]; 9] = [
    [68.0, 1.0, 84.0],
    [71.0, 44.0, 122.0],
    [59.0, 81.0, 139.0],
    [44.0, 113.0, 142.0],
    [33.0, 144.0, 141.0],
    [39.0, 173.0, 129.0],
    [92.0, 200.0, 99.0],
    [170.0, 220.0, 50.0],
    [253.0, 231.0, 37.0],
];

/// Part of the map used on a white ground: its yellow end is too faint there.
const LIGHT_END: f64 = 0.9;

/// Colour of a moment, `0` (first) to `1` (last), as `#rrggbb`. Values outside are clamped, NaN is `0`.
pub(super) fn time(fraction: f64) -> String {
    let [red, green, blue] = time_rgb(fraction);
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// The same as red, green and blue.
pub(super) fn time_rgb(fraction: f64) -> [u8; 3] {
    let fraction = if fraction.is_nan() { 0.0 } else { fraction.clamp(0.0, 1.0) };
    let position = fraction * LIGHT_END * (ANCHORS.len() - 1) as f64;
    let below = (position as usize).min(ANCHORS.len() - 2);
    let weight = position - below as f64;
    std::array::from_fn(|channel| {
        let (low, high) = (ANCHORS[below][channel], ANCHORS[below + 1][channel]);
        (low + weight * (high - low)).round() as u8
    })
}

/// Style of an outcome that was sampled: thin, in a colour that the ramp of time does not have.
pub(super) fn outcome() -> String {
    r##"fill="none" stroke="#e69f00" stroke-opacity="0.8" stroke-width="1.1" stroke-linejoin="round""##
        .to_owned()
}

/// [`outcome`]'s colour and how much it covers, for pictures of pixels.
pub(super) const OUTCOME_INK: [u8; 4] = [0xe6, 0x9f, 0x00, 204];

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance of sRGB (WCAG 2).
    fn luminance(colour: &str) -> f64 {
        let channel = |at: usize| {
            let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    #[test]
    fn time_starts_at_the_first_anchor_and_clamps() {
        assert_eq!(time(0.0), "#440154");
        assert_eq!(time(-3.0), time(0.0));
        assert_eq!(time(7.0), time(1.0));
        assert_eq!(time(f64::NAN), time(0.0));
    }

    #[test]
    fn later_is_always_lighter() {
        let ramp: Vec<f64> = (0..=20).map(|i| luminance(&time(f64::from(i) / 20.0))).collect();
        assert!(ramp.windows(2).all(|pair| pair[0] < pair[1]), "{ramp:?}");
    }

    #[test]
    fn text_has_the_contrast_that_wcag_asks_for() {
        for colour in [INK, MUTED] {
            let contrast = (luminance(GROUND) + 0.05) / (luminance(colour) + 0.05);
            assert!(contrast >= 4.5, "{colour}: {contrast}");
        }
    }
}
