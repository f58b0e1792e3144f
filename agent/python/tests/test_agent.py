"""The agent: loading, acting, planning, and what it refuses."""

import threading
import time

import numpy as np
import pytest

import forethought
from conftest import checkpoint

UMAZE = "maze2d-umaze-v1"
TELEPORT = "pointmaze-teleport-stitch-v0"
START = np.array([1.0, 1.0, 0.0, 0.0])
GOAL = np.array([1.0, 3.0])


@pytest.fixture(scope="module")
def agent() -> forethought.Agent:
    return forethought.Agent.load(checkpoint(UMAZE))


def actions(agent: forethought.Agent, seed: int, steps: int = 12) -> np.ndarray:
    agent.reset(seed, GOAL)
    return np.array([agent.act(START + 0.01 * step) for step in range(steps)])


def test_the_same_seed_gives_the_same_actions_and_another_gives_others(agent):
    first = actions(agent, 7)
    assert first.shape == (12, 2) and first.dtype == np.float64
    assert np.array_equal(first, actions(agent, 7))
    assert np.array_equal(first, actions(forethought.Agent.load(checkpoint(UMAZE), threads=1), 7))
    assert not np.array_equal(first, actions(agent, 8))


def test_a_checkpoint_says_what_it_is_for(agent):
    assert agent.environment == UMAZE and agent.observation_size == 4
    assert agent.goal_entries == [0, 1] and agent.goal_radius == 0.5
    assert agent.action_low.tolist() == [-1, -1] and agent.action_high.tolist() == [1, 1]
    assert UMAZE in repr(agent)


def test_a_plan_leads_from_the_observation_to_the_goal(agent):
    start, goal = np.array([3.0, 1.0, 0.0, 0.0]), np.array([1.0, 1.0])
    plans = [agent.plan(start, goal, seed=seed) for seed in range(4)]
    for plan in plans:
        assert plan.observations.shape == (len(plan), 4) and plan.actions.shape == (len(plan), 2)
        # One step of 10 ms at the largest speed, 5, moves by 0.05; twice that for what the network leaves open.
        assert np.abs(plan.observations[0, :2] - start[:2]).max() < 0.1
        away = np.linalg.norm(plan.observations[:, :2] - goal, axis=1)
        assert away[-1] <= agent.goal_radius
        assert plan.arrival is None or away[plan.arrival] <= agent.goal_radius
    # Others arrive with their last frame or right after it.
    assert any(plan.arrival is not None for plan in plans)
    plan = agent.plan(START, GOAL, seed=3)
    assert plan.outlook is None and plan.chance is None and plan.outcomes == [] and plan.rejected == []
    assert plan.candidates >= 1 and plan.evaluations >= 1
    again, other = agent.plan(START, GOAL, seed=3), agent.plan(START, GOAL, seed=4)
    assert np.array_equal(plan.observations, again.observations) and plan.value == again.value
    assert not np.array_equal(plan.actions, other.actions)


def test_a_plan_apart_does_not_disturb_the_episode(agent):
    undisturbed = actions(agent, 5)
    agent.reset(5, GOAL)
    disturbed = []
    for step in range(12):
        agent.plan(START, np.array([3.0, 3.0]))
        disturbed.append(agent.act(START + 0.01 * step))
    assert np.array_equal(undisturbed, disturbed)


def test_outcomes_are_told_where_plans_are_chosen_by_them():
    agent = forethought.Agent.load(checkpoint(TELEPORT))
    plan = agent.plan([20.0, 7.5], [0.0, 16.0], seed=13)
    assert plan.outlook is not None and plan.outlook.samples == 16
    assert 0.0 <= plan.chance <= 1.0 and plan.outlook.spread >= 0.0
    assert len(plan.outcomes) >= plan.outlook.samples
    for outcome in plan.outcomes:
        frames, width = outcome.observations.shape
        assert width == 2 and frames >= 1 and 0 <= outcome.first_frame < len(plan)
        assert np.isfinite(outcome.observations).all()
    quiet = agent.plan([20.0, 7.5], [0.0, 16.0], seed=13, outcomes=False)
    assert quiet.outcomes == [] and quiet.rejected == [] and quiet.chance == plan.chance
    assert np.array_equal(quiet.actions, plan.actions)


def test_dicts_of_goal_environments_are_taken_as_they_are(agent):
    seen = {"observation": START, "achieved_goal": START[:2], "desired_goal": GOAL}
    flat = actions(agent, 7)
    agent.reset(7, seen)
    told = [agent.act({**seen, "observation": START + 0.01 * step}) for step in range(12)]
    assert np.array_equal(flat, told)
    assert np.array_equal(agent.plan(seen).actions, agent.plan(START, GOAL).actions)
    # Another goal begins another plan, and again the same one each time.
    moved = {**seen, "desired_goal": np.array([3.0, 3.0])}
    turned = agent.act(moved)
    agent.reset(7, seen)
    agent.act(seen)
    assert np.array_equal(turned, agent.act(moved))
    with pytest.raises(ValueError, match="desired_goal"):
        agent.reset(7, {"observation": START})
    with pytest.raises(ValueError, match="'observation'"):
        agent.act({"desired_goal": GOAL})


def test_integers_and_single_precision_are_numbers_too(agent):
    agent.reset(7, [1, 3])
    whole = agent.act([1, 1, 0, 0])
    agent.reset(7, GOAL.astype(np.float32))
    assert np.array_equal(whole, agent.act(np.float32(START)[::1]))
    # A view that is not contiguous.
    agent.reset(7, GOAL)
    assert np.array_equal(whole, agent.act(np.stack([START, START], axis=1)[:, 0]))


@pytest.mark.parametrize(
    ("obs", "kind", "says"),
    [
        (np.zeros(3), ValueError, "3 entries, expected 4"),
        (np.array([1.0, np.nan, 0.0, 0.0]), ValueError, r"\[1\] is NaN"),
        (np.zeros((1, 4)), ValueError, "flat array"),
        (np.zeros(4, dtype=complex), TypeError, "complex128"),
        (["a", "b", "c", "d"], TypeError, "real numbers"),
        ([[1.0], [1.0, 2.0]], ValueError, "rectangular"),
        (None, TypeError, "object"),
    ],
)
def test_observations_that_are_none_are_refused(agent, obs, kind, says):
    agent.reset(1, GOAL)
    with pytest.raises(kind, match=says):
        agent.act(obs)
    with pytest.raises(kind, match=says):
        agent.plan(obs, GOAL)
    # And the episode goes on as if nothing had been.
    assert np.array_equal(agent.act(START), actions(agent, 1, 1)[0])


def test_an_observation_far_outside_the_data_is_told_or_refused_as_set(agent):
    far = [1000.0, 1.0, 0.0, 0.0]
    assert agent.plan(far, GOAL).out_of_data == 0 and agent.plan(START, GOAL).out_of_data is None
    strict = forethought.Agent.load(checkpoint(UMAZE), settings={"plan.out_of_data": "refuse"})
    strict.reset(1, GOAL)
    with pytest.raises(forethought.OutOfDataError, match=r"observation\[0\] is 1000"):
        strict.act(far)


def test_goals_and_seeds_that_are_none_are_refused(agent):
    with pytest.raises(ValueError, match="give `goal`, 2 numbers"):
        agent.reset(1)
    with pytest.raises(ValueError, match="a goal has 2 numbers here, 3 were given"):
        agent.reset(1, [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="goal"):
        agent.plan(START, [np.inf, 1.0])
    for seed in (-1, 2**64):
        with pytest.raises(ValueError, match="seed is"):
            agent.reset(seed, GOAL)
    with pytest.raises(TypeError, match="seed"):
        agent.reset(1.5, GOAL)


def test_acting_before_an_episode_is_refused():
    agent = forethought.Agent.load(checkpoint(UMAZE), threads=1)
    with pytest.raises(RuntimeError, match="call reset"):
        agent.act(START)


def test_checkpoints_and_settings_that_cannot_be_used_are_refused(tmp_path):
    with pytest.raises((forethought.CheckpointError, FileNotFoundError), match="nowhere"):
        forethought.Agent.load(tmp_path / "nowhere")
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(forethought.CheckpointError, match=str(tmp_path)):
        forethought.Agent.load(tmp_path)
    with pytest.raises(ValueError, match="plan.guidance.scal"):
        forethought.Agent.load(checkpoint(UMAZE), settings={"plan.guidance.scal": 1.0})
    with pytest.raises(ValueError, match="execution_horizon"):
        forethought.Agent.load(checkpoint(UMAZE), settings={"control.execution_horizon": 0})
    with pytest.raises(ValueError, match="threads"):
        forethought.Agent.load(checkpoint(UMAZE), threads=0)
    with pytest.raises(TypeError, match="no setting"):
        forethought.Agent.load(checkpoint(UMAZE), settings={"plan.guidance.scale": object()})


def test_settings_act(agent):
    settings = {"control.execution_horizon": np.int64(1), "plan.horizon.lengths": np.array([8])}
    changed = forethought.Agent.load(checkpoint(UMAZE), settings=settings)
    # Chunks of this checkpoint have ten frames.
    assert len(changed.plan(START, GOAL)) == 80
    assert not np.array_equal(actions(changed, 7), actions(agent, 7))


def test_other_threads_run_while_a_plan_is_made():
    agent = forethought.Agent.load(checkpoint(TELEPORT), threads=1)
    began, ended, beats = threading.Event(), threading.Event(), []

    def beat() -> None:
        began.wait()
        while not ended.is_set():
            beats.append(time.perf_counter())
            time.sleep(0.001)

    thread = threading.Thread(target=beat)
    thread.start()
    began.set()
    first = time.perf_counter()
    # Outcomes are sampled: tens of milliseconds each.
    for seed in range(5):
        agent.plan([20.0, 7.5], [0.0, 16.0], seed=seed)
    last = time.perf_counter()
    ended.set()
    thread.join()
    within = [at for at in beats if first < at < last]
    # Held throughout, it would let a thread in between two calls at most: five times.
    assert len(within) > 10, f"{len(within)} beats in {1e3 * (last - first):.0f} ms"


def test_threads_that_share_an_agent_wait_for_each_other(agent):
    alone = [agent.plan(START, GOAL, seed=seed).actions for seed in range(4)]
    found: dict[int, np.ndarray] = {}

    def plan(seed: int) -> None:
        found[seed] = agent.plan(START, GOAL, seed=seed).actions

    threads = [threading.Thread(target=plan, args=(seed,)) for seed in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert all(np.array_equal(found[seed], alone[seed]) for seed in range(4))


def test_a_deadline_ends_planning_with_a_plan(agent):
    whole = agent.plan(START, GOAL)
    assert not whole.cut and whole.clean > 0
    hurried = agent.plan(START, GOAL, deadline_ms=0.0)
    assert hurried.cut and len(hurried) > 0 and hurried.evaluations < whole.evaluations
    patient = agent.plan(START, GOAL, deadline_ms=60_000.0)
    assert not patient.cut and np.array_equal(patient.actions, whole.actions)
    with pytest.raises(ValueError, match="milliseconds"):
        agent.plan(START, GOAL, deadline_ms=-1.0)
