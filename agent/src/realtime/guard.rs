//! The last look at a command before it leaves: numbers, inside the action space, not faster than allowed.

use super::limits::Limits;

/// What had to be changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changed {
    /// An entry was outside the action space, or no number.
    pub clamped: bool,
    /// An entry changed too fast.
    pub slowed: bool,
}

/// Makes a command one that may be given. With `last` the change from it is limited.
#[allow(clippy::float_cmp)] // Whether a number was changed at all.
pub(crate) fn pass(limits: &Limits, command: &mut [f64], last: Option<&[f64]>) -> Changed {
    let mut changed = Changed::default();
    let space = limits.action.low().iter().zip(limits.action.high());
    for (i, ((value, safe), (low, high))) in command.iter_mut().zip(&limits.safe).zip(space).enumerate() {
        let given = if value.is_finite() { *value } else { *safe };
        let inside = given.clamp(*low, *high);
        // NaN differs from itself.
        changed.clamped |= inside != *value;
        *value = inside;
        if let (Some(last), Some(rate)) = (last.and_then(|last| last.get(i)), limits.max_rate.get(i)) {
            let slowed = value.clamp(last - rate, last + rate);
            changed.slowed |= slowed != *value;
            *value = slowed;
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RealTimeConfig;
    use forethought_envs::{BoxSpace, EnvSpec};

    fn limits(rate: f64) -> Limits {
        let action = BoxSpace::new(vec![-1.0, f64::NEG_INFINITY], vec![1.0, f64::INFINITY]).unwrap();
        let spec = EnvSpec {
            step_seconds: Some(0.1),
            ..EnvSpec::of_spaces("robot", BoxSpace::symmetric(1, 1.0), action)
        };
        let config =
            RealTimeConfig { max_rate: vec![rate; 2], safe: vec![0.5, 7.0], ..RealTimeConfig::default() };
        config.limits(&spec, 5).unwrap()
    }

    #[test]
    fn what_is_no_number_becomes_safe_and_what_is_outside_comes_in() {
        let limits = limits(1e9);
        let through = |command: [f64; 2]| {
            let mut command = command;
            (pass(&limits, &mut command, None).clamped, command)
        };
        assert_eq!(through([0.25, -1e300]), (false, [0.25, -1e300]));
        assert_eq!(through([1e6, 3.0]), (true, [1.0, 3.0]));
        assert_eq!(through([f64::NAN, f64::INFINITY]), (true, [0.5, 7.0]));
    }

    #[test]
    fn changes_are_limited_from_the_last_command() {
        let limits = limits(0.25);
        let mut command = [1.0, -3.0];
        let changed = pass(&limits, &mut command, Some(&[0.0, 0.0]));
        assert_eq!((changed, command), (Changed { clamped: false, slowed: true }, [0.25, -0.25]));
        let mut command = [1.0, -3.0];
        assert!(!pass(&limits, &mut command, None).slowed, "the first command has nothing before it");
    }
}
