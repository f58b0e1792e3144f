//! What is found, as a table, as samples and as plots.

use serde::{Deserialize, Serialize};

use super::law;
use crate::axis::Axis;
use crate::picture::{Line, LinePanel, Scale, lines};
use crate::statistics::Quantiles;
use crate::table::{Table, numbers, words};

/// One point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// What grows.
    pub axis: Axis,
    /// Its size.
    pub size: usize,
    /// Milliseconds of each sample.
    pub ms: Vec<f64>,
    /// Peak memory of its process, or of all of them together, MB.
    pub memory_mb: Option<f64>,
}

/// Machine and settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Protocol {
    /// Environment whose network is grown.
    pub network_of: String,
    /// Processor.
    pub processor: String,
    /// Threads.
    pub threads: usize,
    /// Memory of the machine, MB.
    pub memory_mb: Option<f64>,
    /// Samples of a point.
    pub rounds: usize,
    /// Load averages when the run began.
    pub load_before: Vec<f64>,
    /// Load averages when it ended.
    pub load_after: Vec<f64>,
    /// Version of this program.
    pub code_version: String,
    /// Commit it was built from.
    pub commit: String,
}

/// All of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Growth {
    /// Machine and settings.
    pub protocol: Protocol,
    /// Points, axis by axis, by rising size.
    pub points: Vec<Point>,
}

impl Growth {
    fn axes(&self) -> Vec<Axis> {
        Axis::ALL.into_iter().filter(|axis| self.of(*axis).next().is_some()).collect()
    }

    fn of(&self, axis: Axis) -> impl Iterator<Item = &Point> {
        self.points.iter().filter(move |point| point.axis == axis)
    }

    fn times_of(&self, axis: Axis) -> Vec<[f64; 2]> {
        self.of(axis).map(|point| [point.size as f64, Quantiles::of(&point.ms).median]).collect()
    }

    fn memories_of(&self, axis: Axis) -> Vec<[f64; 2]> {
        self.of(axis).filter_map(|point| Some([point.size as f64, point.memory_mb?])).collect()
    }
}

/// The table for people.
pub fn text(growth: &Growth) -> String {
    let Protocol { processor, threads, rounds, load_before, load_after, commit, .. } = &growth.protocol;
    let mut text = format!(
        "Growth\nOne size at a time, each point in a process of its own; all else as in the network that comes with {}, with weights \
         that were drawn. {threads} threads of {processor}; medians of {rounds} samples; load {} before and {} after. Exponents are \
         those of the larger half of the sizes. A wall is where the last two points' line of memory meets this machine's {}. \
         Commit {commit}.\n",
        growth.protocol.network_of,
        load_before.first().copied().unwrap_or(f64::NAN),
        load_after.first().copied().unwrap_or(f64::NAN),
        growth.protocol.memory_mb.map_or("memory".into(), |mb| format!("{:.1} GB", 1e-3 * mb)),
    );
    let mut laws = Table::new([
        words("grows"),
        words("timed"),
        numbers("from"),
        numbers("to"),
        numbers("ms at first"),
        numbers("ms at last"),
        numbers("exponent of time"),
        numbers("MB at first"),
        numbers("MB at last"),
        numbers("exponent of memory"),
        numbers("memory's wall"),
    ]);
    for axis in growth.axes() {
        let (times, memories) = (growth.times_of(axis), growth.memories_of(axis));
        let ends = |points: &[[f64; 2]], i: usize| {
            [points.first(), points.last()].map(|point| point.map_or(f64::NAN, |point| point[i]))
        };
        let exponent =
            |points: &[[f64; 2]]| law::late_exponent(points).map_or("-".into(), |p| format!("{p:.2}"));
        let wall = growth.protocol.memory_mb.and_then(|limit| law::wall(&memories, limit));
        let ([from, to], [first, last], [low, high]) = (ends(&times, 0), ends(&times, 1), ends(&memories, 1));
        laws.row([
            axis.grows().into(),
            axis.timed().into(),
            format!("{from:.0}"),
            format!("{to:.0}"),
            format!("{first:.3}"),
            format!("{last:.3}"),
            exponent(&times),
            format!("{low:.0}"),
            format!("{high:.0}"),
            exponent(&memories),
            wall.map_or("-".into(), |wall| format!("{wall:.1e}")),
        ]);
    }
    text += &format!("\n{laws}\n");
    let mut all = Table::new([
        words("grows"),
        words("timed"),
        numbers("size"),
        numbers("ms"),
        numbers("lower quartile"),
        numbers("upper"),
        numbers("ms for one"),
        numbers("MB"),
    ]);
    for point in &growth.points {
        let ms = Quantiles::of(&point.ms);
        all.row([
            point.axis.grows().into(),
            point.axis.timed().into(),
            point.size.to_string(),
            format!("{:.3}", ms.median),
            format!("{:.3}", ms.q25),
            format!("{:.3}", ms.q75),
            // A width is no number of things.
            match point.axis {
                Axis::Width | Axis::TrainWidth => "-".into(),
                _ => format!("{:.5}", ms.median / point.size as f64),
            },
            point.memory_mb.map_or("-".into(), |mb| format!("{mb:.0}")),
        ]);
    }
    text += &all.to_string();
    text
}

/// Every sample, a line each.
pub fn csv(growth: &Growth) -> String {
    let mut text = String::from("axis,size,sample,ms,memory_mb\n");
    for point in &growth.points {
        for (sample, ms) in point.ms.iter().enumerate() {
            let memory = point.memory_mb.map_or(String::new(), |mb| mb.to_string());
            text += &format!("{},{},{sample},{ms},{memory}\n", point.axis.name(), point.size);
        }
    }
    text
}

/// Times, both axes by powers.
pub fn times(growth: &Growth) -> String {
    let of = |axis| {
        let point = |point: &Point| {
            let ms = Quantiles::of(&point.ms);
            [(point.size as f64).log2(), ms.q25, ms.median, ms.q75]
        };
        growth.of(axis).map(point).collect()
    };
    plot(growth, "How time grows", "milliseconds (medians with quartiles), each against one size", "ms", &of)
}

/// Peak memory, both axes by powers.
pub fn memories(growth: &Growth) -> String {
    let of = |axis| {
        let memories = growth.memories_of(axis);
        memories.into_iter().map(|[size, mb]| [size.log2(), mb, mb, mb]).collect()
    };
    plot(growth, "How memory grows", "peak memory of the process in MB, each against one size", "MB", &of)
}

fn plot(
    growth: &Growth,
    title: &str,
    subtitle: &str,
    unit: &str,
    points_of: &dyn Fn(Axis) -> Vec<[f64; 4]>,
) -> String {
    let axes = growth.axes();
    let titles: Vec<String> = axes.iter().map(|axis| format!("{}, {unit}", axis.timed())).collect();
    let panels = axes.iter().zip(&titles).map(|(&axis, title)| LinePanel {
        title: title.as_str(),
        x_label: axis.grows(),
        x_ticks: growth.of(axis).map(|point| ((point.size as f64).log2(), short(point.size))).collect(),
        y_range: None,
        percent: false,
        scale: Scale::Log,
        lines: vec![Line { name: "measured", colour: 0, dashed: false, points: points_of(axis) }],
    });
    let panels: Vec<LinePanel<'_>> = panels.collect();
    lines(title, subtitle, &panels).text
}

/// A size as it fits under an axis.
fn short(size: usize) -> String {
    match size {
        1_000_000.. => format!("{}M", size / 1_000_000),
        10_000.. => format!("{}k", size / 1000),
        _ => size.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn growth() -> Growth {
        let point = |size: usize, ms: f64, mb: f64| Point {
            axis: Axis::Rows,
            size,
            ms: vec![ms, 3.0 * ms, 2.0 * ms],
            memory_mb: Some(mb),
        };
        Growth {
            protocol: Protocol {
                network_of: "maze".into(),
                processor: "some".into(),
                threads: 2,
                memory_mb: Some(1000.0),
                rounds: 3,
                load_before: vec![0.5],
                load_after: vec![],
                code_version: "1".into(),
                commit: "abc".into(),
            },
            points: vec![point(10, 1.0, 100.0), point(1000, 100.0, 110.0), point(2_000_000, 2e5, 200.0)],
        }
    }

    #[test]
    fn the_table_says_how_it_grows_and_where_it_ends() {
        let text = text(&growth());
        let line =
            text.lines().find(|line| line.starts_with("rows of data") && line.contains("1.00")).unwrap();
        assert!(line.contains("2.000") && line.contains("400000.000"), "{line}");
        // 800 MB more at 90 MB for 1 999 000.
        assert!(line.ends_with("2.0e7"), "{line}");
        assert_eq!(text.matches("rows of data").count(), 4);
    }

    #[test]
    fn every_sample_is_a_line_and_every_axis_a_panel() {
        let growth = growth();
        assert_eq!(csv(&growth).lines().count(), 10);
        assert!(csv(&growth).contains("rows,1000,1,300,110\n"));
        for picture in [times(&growth), memories(&growth)] {
            assert!(picture.contains("rows of data") && picture.contains("2M") && !picture.contains("NaN"));
        }
    }
}
