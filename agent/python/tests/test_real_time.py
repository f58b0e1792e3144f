"""The loop that never waits: a maze driven in real time, sensors that fail, ends that are safe, and what is refused.

Times are bounded by far more than they take, so that a busy machine does not fail them.
"""

import gc
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import forethought
from conftest import checkpoint
from forethought._native import World

UMAZE = "maze2d-umaze-v1"
START = np.array([1.0, 1.0, 0.0, 0.0])
GOAL = np.array([1.0, 3.0])
# Longer than any of this takes.
PATIENCE = 30.0


def load(**changes) -> forethought.RealTimeAgent:
    return forethought.RealTimeAgent.load(checkpoint(UMAZE), **{"threads": 1, **changes})


def until(agent: forethought.RealTimeAgent, obs: np.ndarray, holds: Callable[[], bool]) -> np.ndarray | None:
    """Ticks once a period until something holds; the last command."""
    begin = time.monotonic()
    while True:
        command = agent.tick(obs)
        if holds():
            return command
        assert time.monotonic() - begin < PATIENCE, f"{agent}: {agent.report()}"
        time.sleep(agent.period_s)


def planners() -> int:
    """Threads of planners in this process."""
    names = []
    for task in Path("/proc/self/task").iterdir():
        try:
            names.append((task / "comm").read_text())
        except OSError:  # It has ended meanwhile.
            continue
    return sum(name.startswith("forethought-pla") for name in names)


def test_a_maze_is_driven_to_its_goal_at_its_own_pace():
    world = World(UMAZE)
    period = world.spec["step_seconds"]
    arrived = []
    with load() as agent:
        assert agent.period_s == period == 0.01 and agent.environment == UMAZE
        agent.reset(3, world.task)
        agent.start()
        for seed in (3, 4, 5):
            obs = world.reset(seed, None, None, None)
            agent.reset(seed, world.task)
            due, begin, success, truncated = time.monotonic(), time.monotonic(), False, False
            while not success and not truncated and time.monotonic() - begin < PATIENCE:
                command = agent.tick(obs)
                # The maze waits with the robot for the first plan; then it goes on with every tick.
                if command is not None:
                    assert (np.abs(command) <= 1).all()
                    obs, (_, success, _, truncated, _) = world.step(command)
                due += period
                time.sleep(max(0.0, due - time.monotonic()))
            arrived.append(success)
        report = agent.stop()
    # A machine that does other things may keep one of them from it.
    assert sum(arrived) >= 2, report
    assert report["followed"] > 1 and report["target_hz"] == pytest.approx(100)
    assert {rung["name"] for rung in report["ladder"]} >= {"waiting", "plan"}


def test_nothing_is_commanded_before_a_start_and_a_plan():
    with load() as agent:
        assert agent.rung == "idle" and agent.tick(START) is None and agent.step == 0
        with pytest.raises(RuntimeError, match="call reset"):
            agent.start()
        agent.reset(1, GOAL)
        assert agent.tick(START) is None and agent.rung == "idle"
        agent.start()
        assert agent.rung == "waiting"
        command = until(agent, START, lambda: agent.rung == "plan")
        assert command.shape == (2,) and command.dtype == np.float64 and agent.step == 0
        agent.tick(START)
        assert agent.step == 1 and "plan" in repr(agent)
        agent.reset(2, GOAL)
        assert agent.rung == "waiting" and agent.tick(START) is None, "another episode waits for a plan of its own"


def test_a_sensor_that_fails_goes_down_the_ladder_and_up_again():
    loop = {"brake": ["zero", {"value": 0.25}], "brake_s": 0.05, "tolerance_s": 0.1, "safe": [0.5, -0.5], "max_plan_age_s": 60}
    # A controller that looks where it is: open loop it would go on for as long as the plan lasts.
    with load(settings={"control.controller": "pd"}, realtime=loop) as agent:
        agent.reset(1, GOAL)
        agent.start()
        until(agent, START, lambda: agent.rung == "plan")
        for broken in (np.full(4, np.nan), np.array([1.0, np.inf, 0.0, 0.0])):
            assert agent.tick(broken).tolist() == [0.0, 0.25] and agent.rung == "brake"
            safe = until(agent, broken, lambda: agent.rung == "safe")
            assert safe.tolist() == agent.safe_command.tolist() == [0.5, -0.5]
            assert until(agent, broken, lambda: agent.rung == "failed").tolist() == [0.5, -0.5]
            until(agent, START, lambda: agent.rung == "plan")
        events = {event["name"]: event["count"] for event in agent.stop()["events"]}
        assert events["bad-observation"] >= 6, events


def test_a_tick_is_fast_while_plans_are_made():
    with load(realtime={"replan_every": 0}) as agent:
        agent.reset(1, GOAL)
        agent.start()
        until(agent, START, lambda: agent.rung == "plan")
        took = []
        for _ in range(300):
            begin = time.perf_counter()
            agent.tick(START)
            took.append(time.perf_counter() - begin)
            time.sleep(0.001)
    assert statistics.median(took) < 1e-3, f"{1e6 * statistics.median(took):.0f} µs"


def test_after_a_stop_and_a_close_the_command_is_the_safe_one():
    agent = load(realtime={"safe": [0.25, 0.0]})
    agent.reset(1, GOAL)
    agent.start()
    until(agent, START, lambda: agent.rung == "plan")
    report = agent.stop()
    assert report["ticks"] > 0 and report["published"] >= 1 and report["stages"]
    assert agent.rung == "stopped" and agent.tick(START).tolist() == [0.25, 0.0]
    agent.start()
    assert agent.rung == "waiting" and until(agent, START, lambda: agent.rung == "plan") is not None
    agent.close()
    agent.close()
    last = agent.stop()
    assert last["ticks"] > report["ticks"] and last == agent.report()
    assert agent.rung == "stopped" and agent.tick(START).tolist() == [0.25, 0.0]
    for call in (agent.start, lambda: agent.reset(1, GOAL)):
        with pytest.raises(RuntimeError, match="closed"):
            call()


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="LEFT OUT: no list of threads here")
def test_the_planner_s_thread_ends_with_its_agent():
    def become(count: int) -> bool:
        # A thread takes its name and its leave in its own time.
        begin = time.monotonic()
        while planners() != count and time.monotonic() - begin < PATIENCE:
            time.sleep(0.01)
        return planners() == count

    gc.collect()
    # Those of other tests have been let go of.
    assert become(0)
    agent = load()
    agent.reset(1, GOAL)
    agent.start()
    assert become(1)
    del agent
    gc.collect()
    assert become(0), "collected"
    # The exception holds on to the frame, and the frame to the agent.
    with pytest.raises(ZeroDivisionError) as raised:
        with load() as agent:
            agent.reset(1, GOAL)
            agent.start()
            agent.tick(START)
            assert become(1)
            raise ZeroDivisionError
    assert raised.value.__traceback__ is not None and become(0), "left by an exception"
    assert agent.tick(START).tolist() == agent.safe_command.tolist()


def test_a_dict_s_goal_is_kept_in_step_with():
    here = {"observation": START, "desired_goal": GOAL}
    with load() as agent:
        agent.reset(1, here)
        agent.start()
        until(agent, here, lambda: agent.rung == "plan")
        assert agent.tick({**here, "desired_goal": np.array([3.0, 3.0])}) is None and agent.rung == "waiting"


@pytest.mark.parametrize(
    ("obs", "kind", "says"),
    [
        (np.zeros(3), ValueError, "3 entries, expected 4"),
        (np.zeros(0), ValueError, "0 entries, expected 4"),
        (np.zeros((1, 4)), ValueError, "flat array"),
        (np.zeros(4, dtype=complex), TypeError, "complex128"),
        (None, TypeError, "object"),
    ],
)
def test_observations_of_another_shape_are_refused_and_count_as_no_tick(obs, kind, says):
    with load() as agent:
        agent.reset(1, GOAL)
        agent.start()
        until(agent, START, lambda: agent.rung == "plan")
        with pytest.raises(kind, match=says):
            agent.tick(obs)
        agent.tick(START)
        assert agent.step == 1


@pytest.mark.parametrize(
    ("changes", "kind", "says"),
    [
        ({"realtime": {"perod_s": 0.02}}, ValueError, "no setting `realtime.perod_s`: known there are .*period_s"),
        ({"realtime": {"seam.jump": 0.1}}, ValueError, "no setting `realtime.seam.jump`"),
        ({"realtime": {"seam": {"jump": 0.1}}}, ValueError, "realtime.seam: unknown field `jump`"),
        ({"realtime": {"brake_s": -1}}, ValueError, "realtime.brake_s"),
        ({"realtime": {"brake_s": "long"}}, ValueError, "realtime.brake_s"),
        ({"realtime": {"safe": [2.0, 0.0]}}, ValueError, "realtime.safe"),
        ({"realtime": {"brake_s": float("nan")}}, ValueError, r"realtime\['brake_s'\] is nan"),
        ({"realtime": [1]}, TypeError, "realtime must be a dict"),
        ({"realtime": {"safe": object()}}, TypeError, "no setting"),
        ({"period_s": 0.0}, ValueError, "realtime.period_s"),
        ({"period_s": float("nan")}, ValueError, "realtime.period_s"),
        ({"period_s": 0.02, "realtime": {"period_s": 0.02}}, ValueError, "given twice"),
        ({"settings": {"plan.guidance.scal": 1.0}}, ValueError, "plan.guidance.scal"),
        ({"threads": 0}, ValueError, "threads"),
    ],
)
def test_settings_that_are_none_are_refused_by_name(changes, kind, says):
    with pytest.raises(kind, match=says):
        load(**changes)


def test_settings_act():
    numbers = {"period_s": np.float64(0.02), "safe": np.array([0.1, 0.2]), "seam.max_jump": 0.1}
    with load(realtime=numbers) as agent:
        assert agent.period_s == 0.02 and agent.safe_command.tolist() == [0.1, 0.2]
    with load(period_s=0.05) as agent:
        assert agent.period_s == 0.05


def test_a_checkpoint_that_is_not_there_is_named(tmp_path):
    with pytest.raises((forethought.CheckpointError, FileNotFoundError), match="nowhere"):
        forethought.RealTimeAgent.load(tmp_path / "nowhere")
    with load() as agent:
        with pytest.raises(ValueError, match="a goal has 2 numbers here, 3 were given"):
            agent.reset(1, [1.0, 2.0, 3.0])
        with pytest.raises(ValueError, match="seed is"):
            agent.reset(-1, GOAL)
