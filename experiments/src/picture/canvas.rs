//! Writes SVG: shapes in picture units, text escaped, numbers always finite.

use std::fmt::Write;

use super::colour;

/// Fonts that are on every system, narrow enough for labels.
const FONTS: &str = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', Helvetica, Arial, sans-serif";

/// Where a text's position lies in the text.
#[derive(Clone, Copy, Debug)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// An SVG under construction. Lengths are picture units (pixels at natural size), y down.
pub(super) struct Canvas {
    body: String,
    width: f64,
    height: f64,
    clips: usize,
}

/// An animation that repeats.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cycle {
    /// Of one round.
    pub(super) seconds: f64,
}

impl Canvas {
    pub(super) fn new(width: f64, height: f64) -> Self {
        Self { body: String::new(), width, height, clips: 0 }
    }

    fn push(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a `String` cannot fail.
        let _ = self.body.write_fmt(element);
        self.body.push('\n');
    }

    /// A rectangle from its top left corner. `style` is written by the program, never by data.
    pub(super) fn rect(&mut self, at: [f64; 2], size: [f64; 2], style: &str) {
        let [x, y, width, height] = [at[0], at[1], size[0].max(0.0), size[1].max(0.0)].map(number);
        self.push(format_args!(r#"<rect x="{x}" y="{y}" width="{width}" height="{height}" {style}/>"#));
    }

    pub(super) fn circle(&mut self, centre: [f64; 2], radius: f64, style: &str) {
        let [x, y, radius] = [centre[0], centre[1], radius.max(0.0)].map(number);
        self.push(format_args!(r#"<circle cx="{x}" cy="{y}" r="{radius}" {style}/>"#));
    }

    /// A line through all points; fewer than two draw nothing.
    pub(super) fn polyline(&mut self, points: &[[f64; 2]], style: &str) {
        if points.len() < 2 {
            return;
        }
        let mut list = String::new();
        for [x, y] in points {
            let _ = write!(list, "{},{} ", number(*x), number(*y));
        }
        self.push(format_args!(r#"<polyline points="{}" {style}/>"#, list.trim_end()));
    }

    /// Several rectangles as one shape, so that no seam shows between neighbours.
    pub(super) fn rects(&mut self, rects: impl Iterator<Item = ([f64; 2], [f64; 2])>, style: &str) {
        let mut path = String::new();
        for ([x, y], [width, height]) in rects {
            let [x, y, width, height] = [x, y, width.max(0.0), height.max(0.0)].map(number);
            let _ = write!(path, "M{x} {y}h{width}v{height}h-{width}z");
        }
        self.push(format_args!(r#"<path d="{path}" {style}/>"#));
    }

    /// Text on its baseline; any string is safe.
    pub(super) fn text(&mut self, at: [f64; 2], anchor: Anchor, size: f64, style: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let ([x, y, size], text) = ([at[0], at[1], size].map(number), escape(text));
        self.push(format_args!(
            r#"<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="{size}" {style}>{text}</text>"#
        ));
    }

    /// Opens a group that shows nothing outside a rectangle; [`Canvas::unclip`] closes it.
    pub(super) fn clip(&mut self, at: [f64; 2], size: [f64; 2]) {
        self.clips += 1;
        let id = self.clips;
        self.push(format_args!(r#"<clipPath id="clip{id}">"#));
        self.rect(at, size, "");
        self.push(format_args!(r#"</clipPath><g clip-path="url(#clip{id})">"#));
    }

    pub(super) fn unclip(&mut self) {
        self.push(format_args!("</g>"));
    }

    /// A line that is there between two shares of a cycle.
    pub(super) fn shown_between(
        &mut self,
        points: &[[f64; 2]],
        [from, to]: [f64; 2],
        cycle: Cycle,
        style: &str,
    ) {
        if points.len() < 2 || to <= from {
            return;
        }
        let (from, to, seconds) = (from.clamp(0.0, 1.0), to.clamp(0.0, 1.0), number(cycle.seconds));
        self.push(format_args!(r#"<g visibility="hidden">"#));
        self.polyline(points, style);
        self.push(format_args!(
            r#"<animate attributeName="visibility" calcMode="discrete" values="hidden;visible;hidden" keyTimes="0;{from:.4};{to:.4}" dur="{seconds}s" repeatCount="indefinite"/></g>"#
        ));
    }

    /// A line that is drawn along its points, which are reached at shares `times` of a cycle.
    pub(super) fn drawn_along(&mut self, points: &[[f64; 2]], times: &[f64], cycle: Cycle, style: &str) {
        let mut lengths = vec![0.0];
        for pair in points.windows(2) {
            let step = (pair[1][0] - pair[0][0]).hypot(pair[1][1] - pair[0][1]);
            lengths.push(lengths[lengths.len() - 1] + step);
        }
        let all = lengths[lengths.len() - 1];
        if points.len() < 2 || all <= 0.0 {
            return;
        }
        let left = |length: &f64| format!("{:.4}", 1.0 - length / all);
        let values: Vec<String> = lengths.iter().map(left).collect();
        self.push(format_args!(r#"<g stroke-dasharray="1 1" stroke-dashoffset="1">"#));
        self.polyline(points, &format!(r#"pathLength="1" {style}"#));
        self.animate("stroke-dashoffset", &values, times, cycle);
        self.push(format_args!("</g>"));
    }

    /// A circle that moves along points, which it reaches at shares `times` of a cycle.
    pub(super) fn moved_along(
        &mut self,
        points: &[[f64; 2]],
        times: &[f64],
        cycle: Cycle,
        radius: f64,
        style: &str,
    ) {
        let Some([x, y]) = points.first().map(|at| at.map(number)) else { return };
        self.push(format_args!(r#"<circle cx="{x}" cy="{y}" r="{}" {style}>"#, number(radius)));
        for (axis, attribute) in ["cx", "cy"].into_iter().enumerate() {
            let values: Vec<String> = points.iter().map(|at| number(at[axis]).to_string()).collect();
            self.animate(attribute, &values, times, cycle);
        }
        self.push(format_args!("</circle>"));
    }

    /// Values of an attribute at rising shares of a cycle; the last one stands until its end.
    fn animate(&mut self, attribute: &str, values: &[String], times: &[f64], cycle: Cycle) {
        let (Some(first), Some(last)) = (values.first(), values.last()) else { return };
        let times: String = times.iter().map(|time| format!(";{:.4}", time.clamp(0.0, 1.0))).collect();
        let seconds = number(cycle.seconds);
        self.push(format_args!(
            r#"<animate attributeName="{attribute}" values="{first};{};{last}" keyTimes="0{times};1" dur="{seconds}s" repeatCount="indefinite"/>"#,
            values.join(";")
        ));
    }

    /// A horizontal bar with the colours of time, from left to right.
    pub(super) fn time_bar(&mut self, at: [f64; 2], size: [f64; 2]) {
        self.push(format_args!(r#"<linearGradient id="time">"#));
        for stop in 0..=8 {
            let fraction = f64::from(stop) / 8.0;
            let colour = colour::time(fraction);
            self.push(format_args!(r#"<stop offset="{}" stop-color="{colour}"/>"#, number(fraction)));
        }
        self.push(format_args!("</linearGradient>"));
        self.rect(at, size, r#"fill="url(#time)" rx="2""#);
    }

    /// The document. `title` is what a screen reader says.
    pub(super) fn finish(self, title: &str) -> String {
        let ([width, height], title) = ([self.width, self.height].map(number), escape(title));
        format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" font-family="{FONTS}" fill="{}">
<title>{title}</title>
<rect width="{width}" height="{height}" fill="{}"/>
{}</svg>
"#,
            colour::INK,
            colour::GROUND,
            self.body
        )
    }
}

/// At most two decimals, never NaN, and never so large that a viewer gives up.
fn number(value: f64) -> String {
    let value = if value.is_nan() { 0.0 } else { value.clamp(-1e5, 1e5) };
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Escapes text for element content and attributes; characters that XML 1.0 forbids become U+FFFD.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\t' | '\n' | '\r' => escaped.push(' '),
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{ProptestConfig, any, proptest};

    fn unescape(text: &str) -> String {
        let plain = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
        plain.replace("&#39;", "'").replace("&amp;", "&")
    }

    #[test]
    fn numbers_are_short_and_finite() {
        let shown = [1.0, -0.001, 2.345, f64::NAN, f64::INFINITY, -1e300, 100.0].map(number);
        assert_eq!(shown, ["1", "0", "2.35", "0", "100000", "-100000", "100"].map(str::to_owned));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn escaped_text_holds_no_markup_and_loses_nothing(text in any::<String>()) {
            let escaped = escape(&text);
            assert!(!escaped.contains(['<', '>', '"', '\'']));
            let known = ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"];
            for (at, _) in escaped.match_indices('&') {
                assert!(known.iter().any(|entity| escaped[at..].starts_with(entity)));
            }
            assert!(!escaped.contains(|c: char| c < ' ' || c == '\u{fffe}' || c == '\u{ffff}'));
            let kept = text.chars().map(|c| match c {
                '\t' | '\n' | '\r' => ' ',
                '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
                _ => c,
            });
            assert_eq!(unescape(&escaped), kept.collect::<String>());
        }

        #[test]
        fn any_geometry_gives_finite_numbers(x in any::<f64>(), y in any::<f64>(), r in any::<f64>()) {
            let mut canvas = Canvas::new(100.0, 100.0);
            canvas.circle([x, y], r, "");
            canvas.rect([x, y], [r, x], "");
            canvas.polyline(&[[x, y], [y, r]], "");
            let text = canvas.finish("t");
            assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
        }
    }
}
