"""Figures of PyPI's rliable on fixed scores, for forethought's own to be held against.

    rliable_check.py rliable.json            write the file committed beside this script
    rliable_check.py --check rliable.json    compare that file with what rliable says now

Needs rliable 1.2.0 (it brings numpy, scipy and arch; arch 7.2 needs "pandas<3"). Ends with status 1 on the first
difference.

Two policies, `x` with 100 runs and `y` with 97, on three tasks. The scores look like a maze's: some runs never
arrive and score alike (ties), the rest spread around a level. One is rounded to integers, so that there are many ties.
"""

import json
import sys
from importlib.metadata import version

import numpy as np
from rliable import library, metrics

RUNS = {"x": 100, "y": 97}
TASKS = ["umaze", "medium", "large"]
# Share of runs that never arrive, level and spread of the others, decimals kept.
SHAPES = {
    "x": [(0.05, 118.0, 20.0, 1), (0.15, 140.0, 35.0, 3), (0.30, 160.0, 60.0, 0)],
    "y": [(0.02, 112.0, 18.0, 1), (0.25, 136.0, 30.0, 3), (0.45, 165.0, 50.0, 0)],
}
NEVER = -4.7
LEVELS = [-20.0, NEVER, 0.0, 50.0, 100.0, 112.3, 137.0, 150.0, 180.0, 400.0]
# Resamples of rliable here (it needs milliseconds for one), and of forethought in the test.
RESAMPLES = 4_000
OWN_RESAMPLES = 20_000
# Standard errors by which the ends of two intervals may differ: one such difference in 16,000 by chance.
ERRORS = 4.0


def scores():
    random = np.random.RandomState(20210813)
    made = {}
    for policy, runs in RUNS.items():
        columns = []
        for never, level, spread, decimals in SHAPES[policy]:
            column = np.round(random.normal(level, spread, runs), decimals)
            column[random.uniform(size=runs) < never] = NEVER
            columns.append(column)
        made[policy] = np.stack(columns, axis=1)
    return made


def bands(low, high, resamples):
    """Where the ends of an interval by another OWN_RESAMPLES resamples may lie.

    The share of resamples below the true q-quantile of the bootstrap distribution has standard error
    sqrt(q (1 - q) / R), whatever the distribution. The shares at which two estimates of the quantile lie differ by no
    more than ERRORS times the root of the sum of both variances.
    """
    found = []
    for share in (low, high):
        error = ERRORS * np.sqrt(share * (1.0 - share) * (1.0 / RESAMPLES + 1.0 / OWN_RESAMPLES))
        found.append([float(np.quantile(resamples, s)) for s in (share - error, share + error)])
    return found


def interval(arguments, figure):
    """The figure, rliable's own 95 % interval, and the bands of its ends."""
    seen = []

    def function(*data):
        seen.append(figure(*data))
        return np.array(seen[-1:])

    key = arguments if len(arguments) > 1 else arguments[0]
    # rliable draws from numpy's global generator, whatever random state it is given.
    np.random.seed(1)
    points, intervals = library.get_interval_estimates({"": key}, function, reps=RESAMPLES)
    low, high = bands(0.025, 0.975, np.array(seen[-RESAMPLES:]))
    ends = [float(end) for end in intervals[""][:, 0]]
    if not (low[0] <= ends[0] <= low[1] and high[0] <= ends[1] <= high[1]):
        sys.exit(f"rliable_check: rliable's interval {ends} is outside its own bands {low}, {high}")
    return {"value": float(points[""][0]), "interval": ends, "low_band": low, "high_band": high}


def figures():
    made = scores()
    # Each task alone, and all together, stratified by task.
    groups = [[task] for task in range(len(TASKS))] + [list(range(len(TASKS)))]
    found = []
    for tasks in groups:
        x, y = made["x"][:, tasks], made["y"][:, tasks]
        profile = {p: library.score_distributions(s, LEVELS).tolist() for p, s in (("x", x), ("y", y))}
        found.append({
            "tasks": tasks,
            "mean": interval([x], metrics.aggregate_mean),
            "interquartile_mean": interval([x], metrics.aggregate_iqm),
            "probability_of_improvement": interval([x, y], metrics.probability_of_improvement),
            "profile": profile,
        })
    return {
        "made_by": {name: version(name) for name in ("rliable", "arch", "numpy", "scipy")},
        "resamples": OWN_RESAMPLES,
        "tasks": TASKS,
        # One list of runs per task.
        "scores": {policy: values.T.tolist() for policy, values in made.items()},
        "levels": LEVELS,
        "groups": found,
    }


def differs(found, wanted, at=""):
    if isinstance(wanted, dict):
        return next((d for k in wanted if (d := differs(found[k], wanted[k], f"{at}.{k}"))), None)
    if isinstance(wanted, list):
        if len(found) != len(wanted):
            return at
        return next((d for i, w in enumerate(wanted) if (d := differs(found[i], w, f"{at}[{i}]"))), None)
    if isinstance(wanted, float):
        return None if abs(found - wanted) <= 1e-9 * max(1.0, abs(wanted)) else at
    return None if found == wanted else at


def main():
    if len(sys.argv) == 2 and not sys.argv[1].startswith("-"):
        text = json.dumps(figures(), separators=(",", ":"))
        with open(sys.argv[1], "w") as file:
            file.write(text + "\n")
    elif len(sys.argv) == 3 and sys.argv[1] == "--check":
        found, wanted = figures(), json.load(open(sys.argv[2]))
        # Other releases may be asked; their numbers must still be these.
        del found["made_by"], wanted["made_by"]
        if at := differs(found, wanted):
            sys.exit(f"rliable_check: {at} differs")
        print("rliable says what it said")
    else:
        sys.exit(__doc__)


main()
