use forethought_agent::{OutcomeRecord, OutlookRecord};
use forethought_envs::{GoalTask, NoTask};

use super::*;

/// Looks straight down on the first two numbers of an observation, 100 pixels a unit in pictures of [`SIZE`]; all is grey.
pub(crate) struct FromAbove {
    pub size: [usize; 2],
}

pub(crate) const SIZE: [usize; 2] = [480, 400];
const GREY: [u8; 3] = [90; 3];

impl Photographer for FromAbove {
    fn photograph(&mut self, observation: &[f64], _task: &dyn Task) -> Result<Picture, EnvError> {
        match observation.iter().position(|value| !value.is_finite()) {
            Some(index) => {
                let (what, value) = ("observation".to_owned(), observation[index]);
                Err(EnvError::NonFinite { what, index, value })
            }
            None => Picture::filled(self.size[0], self.size[1], GREY),
        }
    }

    fn view(&self) -> View {
        View::parallel([0.0, 0.0, 3.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0], 4.0)
    }

    fn place(&self, observation: &[f64]) -> Option<[f64; 3]> {
        match observation {
            [x, y] => Some([*x, *y, 0.0]),
            _ => None,
        }
    }
}

/// Where a place is in a picture of [`SIZE`].
fn at([x, y]: [f64; 2]) -> [f64; 2] {
    [240.0 + 100.0 * x, 200.0 - 100.0 * y]
}

fn pixel(picture: &Picture, place: [f64; 2]) -> [u8; 3] {
    let [x, y] = at(place);
    picture.pixel(x as usize, y as usize).unwrap()
}

fn apart(point: [f64; 2], [from, to]: [[f64; 2]; 2]) -> f64 {
    let (along, off) = ([to[0] - from[0], to[1] - from[1]], [point[0] - from[0], point[1] - from[1]]);
    let long = along[0].hypot(along[1]).powi(2);
    let part =
        if long > 0.0 { ((off[0] * along[0] + off[1] * along[1]) / long).clamp(0.0, 1.0) } else { 0.0 };
    (off[0] - part * along[0]).hypot(off[1] - part * along[1])
}

/// 40 steps to the right along y = 0, from -1 to 1.
fn episode() -> EpisodeRecord {
    EpisodeRecord {
        observations: (0..=40).map(|step| vec![-1.0 + 0.05 * f64::from(step), 0.0]).collect(),
        ..EpisodeRecord::default()
    }
}

/// From step 10, at x = -0.5: 20 frames upwards; and an outcome that leaves it after frame 9, at y = 1, to the right.
fn plan() -> PlanRecord {
    let outcome = OutcomeRecord {
        first_frame: 10,
        observations: (1..=10).map(|frame| vec![-0.5 + 0.1 * f64::from(frame), 1.0]).collect(),
    };
    PlanRecord {
        first_step: 10,
        observations: (1..=20).map(|frame| vec![-0.5, 0.1 * f64::from(frame)]).collect(),
        outlook: Some(OutlookRecord { outcomes: vec![outcome], ..OutlookRecord::default() }),
        ..PlanRecord::default()
    }
}

fn drawn<T>(draw: impl FnOnce(&mut Photographed<'_>) -> T) -> T {
    draw(&mut Photographed::new(&mut FromAbove { size: SIZE }, &NoTask))
}

#[test]
fn a_plan_its_outcomes_and_what_was_done_meanwhile_lie_where_their_places_are() {
    let record = EpisodeRecord { plans: vec![plan()], ..episode() };
    let picture = drawn(|drawn| drawn.plan(&record, 0)).unwrap().unwrap();
    let lines = [[[-0.5, 0.0], [0.5, 0.0]], [[-0.5, 0.0], [-0.5, 2.0]], [[-0.5, 1.0], [0.5, 1.0]]];
    let lines = lines.map(|ends| ends.map(at));
    // Half of a dot, the widest that is drawn, with its edge and what smooths it.
    let reach = 400.0 * (0.5 * DOT + EDGE) + 1.0;
    let mut inked = 0;
    for (x, y) in (0..480).flat_map(|x| (0..400).map(move |y| (x, y))) {
        if picture.pixel(x, y) != Some(GREY) {
            let point = [x as f64 + 0.5, y as f64 + 0.5];
            assert!(lines.iter().any(|ends| apart(point, *ends) <= reach), "{point:?}");
            inked += 1;
        }
    }
    assert!(inked > 1000, "{inked}");
    // What was done from step 10 to step 30, the plan's last: from -0.5 to 0.5.
    assert_eq!(pixel(&picture, [-0.475, 0.0]), colour::time_rgb(0.0));
    for x in [-0.3, 0.1, 0.4] {
        assert_ne!(pixel(&picture, [x, 0.0]), GREY, "{x}");
    }
    assert_eq!(pixel(&picture, [0.6, 0.0]), GREY);
    assert_eq!(pixel(&picture, [-0.7, 0.0]), GREY, "before it was made");
    // A frame of the plan near each of its ends.
    assert_eq!(pixel(&picture, [-0.5, 0.1]), colour::time_rgb(1.0 / 20.0));
    assert_eq!(pixel(&picture, [-0.5, 1.9]), colour::time_rgb(19.0 / 20.0));
    // Of red, 90 and 230 of the outcome: it covers four fifths, of four fifths of a row.
    assert_eq!(pixel(&picture, [0.2, 1.0])[0], 180);
    assert_eq!(pixel(&picture, [0.6, 1.0]), GREY);
}

#[test]
fn there_is_no_picture_of_a_plan_that_is_not_there_or_nowhere() {
    let nowhere = PlanRecord { observations: vec![vec![0.0; 3]], ..PlanRecord::default() };
    let record = EpisodeRecord { plans: vec![nowhere], ..episode() };
    assert_eq!(drawn(|drawn| drawn.plan(&record, 0)).unwrap(), None);
    assert_eq!(drawn(|drawn| drawn.plan(&record, 1)).unwrap(), None);
}

#[test]
fn a_strip_shows_the_way_so_far_up_to_the_arrival() {
    let record = EpisodeRecord { arrival: Some(20), ..episode() };
    let strip = drawn(|drawn| drawn.strip(&record)).unwrap();
    assert_eq!((strip.width(), strip.height()), (5 * 480 + 4 * GAP, 400));
    for photograph in 0..5 {
        // After 0, 5, 10, 15 and 20 steps of a twentieth each.
        let end = -1.0 + 0.25 * photograph as f64;
        for place in [-0.9, -0.6, -0.35, -0.1, 0.1] {
            let x = photograph * (480 + GAP) + (240.0 + 100.0 * place) as usize;
            assert_eq!(strip.pixel(x, 200) == Some(GREY), place > end, "{photograph} {place}");
        }
    }
    let broken = EpisodeRecord { observations: vec![vec![f64::NAN, 0.0]], ..EpisodeRecord::default() };
    let said = drawn(|drawn| drawn.strip(&broken)).unwrap_err().to_string();
    assert!(said.contains("observation[0] is NaN"), "{said}");
    let said = drawn(|drawn| drawn.strip(&EpisodeRecord::default())).unwrap_err().to_string();
    assert!(said.contains("0 observations has none at step 0"), "{said}");
}

/// Photographs of a film and its first delay in milliseconds, as its file says.
fn shown(film: &[u8]) -> (u32, u16) {
    let chunk = |name: &[u8]| film.windows(4).position(|bytes| bytes == name).unwrap() + 4;
    let (count, delay) = (chunk(b"acTL"), chunk(b"fcTL") + 20);
    let count = u32::from_be_bytes(film[count..count + 4].try_into().unwrap());
    (count, u16::from_be_bytes(film[delay..delay + 2].try_into().unwrap()))
}

#[test]
fn a_film_goes_past_the_arrival_and_long_ones_are_quicker() {
    let goal = GoalTask::new(&[0, 1], &[1.0, 0.0], 0.1);
    let of = |steps: usize, arrival: Option<usize>, seconds: Option<f64>, task: &dyn Task| {
        let observations = (0..=steps).map(|step| vec![0.01 * step as f64, 0.0]).collect();
        let record = EpisodeRecord { observations, arrival, ..EpisodeRecord::default() };
        let (count, delay) = shown(
            &Photographed::new(&mut FromAbove { size: [12, 10] }, task).film(&record, seconds).unwrap(),
        );
        (count as usize - REST, delay)
    };
    assert_eq!(of(100, None, Some(0.04), &goal), (101, 40));
    assert_eq!(of(100, None, None, &goal), (101, 50), "nobody said how long a step is");
    // A second after the arrival, which is 25 steps.
    assert_eq!(of(100, Some(20), Some(0.04), &goal), (46, 40));
    assert_eq!(of(100, Some(90), Some(0.04), &goal), (101, 40));
    // Two steps of a fiftieth.
    assert_eq!(of(100, None, Some(0.02), &goal), (51, 40));
    assert_eq!(of(99, None, Some(0.02), &goal), (51, 40), "the last step is shown");
    // 1,000 steps: every seventh, and no slower than 80 ms.
    assert_eq!(of(1000, None, Some(0.04), &goal), (144, 80));
    // A task without an end: the first 149 steps, in their own time.
    assert_eq!(of(1000, None, Some(0.05), &NoTask), (150, 50));
    assert_eq!(of(260, None, Some(0.05), &NoTask), (131, 80), "not so long that it would be cut");
    assert_eq!(of(1000, Some(900), Some(0.05), &NoTask).0, 133, "one that arrives is shown whole");
}

#[test]
fn a_film_shows_the_plan_in_force_and_its_outcomes() {
    let moving = |plans: Vec<PlanRecord>| {
        let record = EpisodeRecord { plans, ..episode() };
        let mut photographer = FromAbove { size: SIZE };
        Photographed::new(&mut photographer, &NoTask).film(&record, Some(0.04)).unwrap()
    };
    let (with, without) = (moving(vec![plan()]), moving(Vec::new()));
    assert_eq!(shown(&with), shown(&without));
    assert_ne!(with, without);
    let late = PlanRecord { first_step: 41, ..plan() };
    assert_eq!(moving(vec![late]), without, "a plan that is never in force");
}
