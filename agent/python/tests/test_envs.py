"""The environments as Gymnasium's, alone and as vectors."""

import csv
import warnings

import numpy as np
import pytest

gymnasium = pytest.importorskip("gymnasium", reason="LEFT OUT: gymnasium is not installed")

from gymnasium.utils.env_checker import check_env  # noqa: E402
from gymnasium.vector import AutoresetMode  # noqa: E402

import forethought  # noqa: E402
from conftest import CHECKPOINTS, checkpoint  # noqa: E402

NAMES = ["maze2d-umaze-v1", "PointMaze_UMaze-v3", "pointmaze-teleport-stitch-v0", "toy-car-v0"]

# Bounds that are infinite are so on purpose: the simulators that these environments agree with bound nothing.
EXPECTED = ["is -infinity", "is infinity"]


@pytest.mark.parametrize("name", NAMES)
def test_gymnasium_s_own_check_passes_without_a_warning(name):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_env(gymnasium.make(f"forethought/{name}").unwrapped, skip_render_check=True)
    said = [str(each.message) for each in caught]
    assert not [text for text in said if not any(known in text for known in EXPECTED)], said


def test_every_environment_is_found_by_its_name():
    names = [name for name, _ in forethought._native.catalogue()]
    assert set(NAMES) < set(names)
    for name in names:
        try:
            env = gymnasium.make(f"forethought/{name}")
        except RuntimeError as problem:
            # What does not come with the project is said with the setting that names it.
            elsewhere = any(part in name for part in ("-mujoco-", "cube-", "scene-", "half-cheetah-"))
            assert elsewhere and "FORETHOUGHT_" in str(problem), f"{name}: {problem}"
            continue
        obs, info = env.reset(seed=0)
        assert obs in env.observation_space and info["success"] in (True, False)
    with pytest.raises(gymnasium.error.Error):
        gymnasium.make("forethought/maze2d-nowhere-v1")


def test_mazes_as_text_need_no_registration():
    from forethought.envs import Env

    env = Env("maze2d:#######\\#..#..#\\#..#.G#\\#.....#\\#######")
    assert env.reset(seed=1)[0].shape == (4,)
    with pytest.raises(ValueError, match="did you mean `maze2d-umaze-v1`"):
        Env("maze2d-umazee-v1")
    with pytest.raises(ValueError, match="render_mode"):
        Env("maze2d-umaze-v1", render_mode="human")


def test_an_episode_ends_by_its_own_clock_and_is_refused_afterwards():
    env = gymnasium.make("forethought/maze2d-umaze-v1").unwrapped
    env.reset(seed=3)
    with pytest.raises(ValueError, match="action has 3 entries"):
        env.step(np.zeros(3))
    with pytest.raises(ValueError, match="NaN"):
        env.step(np.array([np.nan, 0.0]))
    for step in range(1, 301):
        _, _, terminated, truncated, _ = env.step(np.zeros(2))
        assert truncated == (step == 300) and not terminated
    with pytest.raises(RuntimeError, match="call reset first"):
        env.step(np.zeros(2))


def test_episodes_begin_where_they_are_asked_to():
    env = gymnasium.make("forethought/pointmaze-medium-navigate-v0").unwrapped
    _, first = env.reset(seed=1, options={"task_id": 1})
    _, second = env.reset(seed=1, options={"task_id": 2})
    assert not np.array_equal(first["goal"], second["goal"])
    _, info = env.reset(seed=1, options={"goal": [0.0, 4.0]})
    assert info["goal"].tolist() == [0.0, 4.0] and env.task.goal.tolist() == [0.0, 4.0]
    with pytest.raises(ValueError, match="unknown option 'task'"):
        env.reset(options={"task": 1})
    with pytest.raises(ValueError, match="99"):
        env.reset(options={"task_id": 99})


def drive(envs, seed: int, steps: int) -> list:
    """All that a vector tells when it is driven at random."""
    obs, infos = envs.reset(seed=seed)
    told = [(obs.copy(), infos)]
    draws = np.random.default_rng(0)
    for _ in range(steps):
        told.append(envs.step(draws.uniform(-1, 1, envs.action_space.shape)))
    return told


def assert_same(one, other) -> None:
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, (tuple, list)):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert_same(a, b)
    else:
        assert np.asarray(one).dtype == np.asarray(other).dtype
        assert np.array_equal(one, other)


@pytest.mark.parametrize("name", NAMES)
def test_a_vector_does_what_single_environments_do_resets_included(name):
    # Cars crash and are truncated within 45 steps, mazes within 305: resets are among them.
    steps = 1010 if name.startswith("pointmaze") else 310
    single = gymnasium.make_vec(f"forethought/{name}", num_envs=3, vectorization_mode="sync")
    vector = gymnasium.make_vec(f"forethought/{name}", num_envs=3)
    assert isinstance(vector, forethought.envs.VectorEnv)
    assert vector.metadata["autoreset_mode"] == AutoresetMode.NEXT_STEP
    assert vector.observation_space == single.observation_space and vector.action_space == single.action_space
    wanted = drive(single, 5, steps)
    assert any(step[2].any() or step[3].any() for step in wanted[1:]), "no episode ended"
    assert_same(drive(vector, 5, steps), wanted)
    # The number of threads changes nothing.
    threaded = gymnasium.make_vec(f"forethought/{name}", num_envs=3, threads=2)
    assert_same(drive(threaded, 5, steps), wanted)


def test_a_vector_resets_only_what_it_is_told_to():
    vector = gymnasium.make_vec("forethought/maze2d-umaze-v1", num_envs=2)
    with pytest.raises(RuntimeError, match="call reset"):
        vector.step(np.zeros((2, 2)))
    before, _ = vector.reset(seed=[4, None])
    after, infos = vector.reset(seed=9, options={"reset_mask": np.array([False, True])})
    assert np.array_equal(before[0], after[0]) and not np.array_equal(before[1], after[1])
    assert infos["_goal"].tolist() == [False, True]
    with pytest.raises(ValueError, match="reset_mask"):
        vector.reset(options={"reset_mask": np.array([True])})
    with pytest.raises(ValueError, match="3 seeds for 2 environments"):
        vector.reset(seed=[1, 2, 3])
    with pytest.raises(ValueError, match="4 action entries"):
        vector.step(np.zeros((3, 2)))


def test_an_agent_earns_here_what_it_earns_in_rust():
    name, seeds = "maze2d-umaze-v1", range(8)
    with (CHECKPOINTS.parent / "results" / "maze2d" / "episodes.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["environment"] == name]
    rows = [row for row in rows if row["variant"] == "diffusion-forcing, diffused-action"]
    committed = [float(row["return"]) for row in rows if int(row["seed"]) in seeds]
    env, agent, earned = gymnasium.make(f"forethought/{name}"), forethought.Agent.load(checkpoint(name)), []
    for seed in seeds:
        obs, info = env.reset(seed=seed)
        agent.reset(seed, info["goal"])
        total, ended = 0.0, False
        while not ended:
            obs, reward, terminated, truncated, info = env.step(agent.act(obs))
            total, ended = total + reward, terminated or truncated
        earned.append(total)
    # The same kind of processor gives the same episodes; for another the tolerance is that of the checks of scores.
    assert abs(np.mean(earned) - np.mean(committed)) <= 12, f"{earned} here, {committed} there"


def test_a_task_that_is_no_place_is_handed_on_as_it_is():
    env = gymnasium.make("forethought/toy-car-v0")
    agent = forethought.Agent.load(checkpoint("toy-car-v0"))
    obs, info = env.reset(seed=2)
    assert "goal" not in info and env.unwrapped.task.goal is None
    agent.reset(2, env.unwrapped.task)
    for _ in range(8):
        obs, _, terminated, _, _ = env.step(agent.act(obs))
    assert not terminated
