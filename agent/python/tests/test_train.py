"""Training on numpy arrays: a point robot is logged, learnt, and driven."""

import os
import signal
import threading

import numpy as np
import pytest

import forethought

DESCRIPTION = {
    "environment": "point",
    "step_seconds": 0.05,
    "action_low": [-1, -1],
    "action_high": np.array([1, 1]),
    "features": [
        {"name": "place", "width": 2, "kind": "position"},
        {"name": "velocity", "width": 2, "kind": "velocity"},
    ],
    "task": {"kind": "goal", "entries": [0, 1], "radius": 0.15},
}
# One level a token and a small network: of a few hundred steps none go to anything but planning.
CONFIG = {
    "model": {
        "frames_per_token": 5,
        "chunks": 10,
        "target": "x0",
        "level_blocks": 0,
        "network": {"kind": "transformer", "width": 64, "layers": 2, "heads": 4},
    },
    "train": {"batch": 64, "learning_rate": 2e-3, "warmup": 50, "log_every": 50},
}


def move(state: np.ndarray, action: np.ndarray) -> np.ndarray:
    """Velocity follows the action, position the velocity."""
    velocity = state[2:] + 0.3 * (np.clip(action, -1, 1) - state[2:])
    return np.concatenate([state[:2] + 0.05 * velocity, velocity])


def logs(trajectories: int = 200, steps: int = 70) -> dict[str, np.ndarray]:
    """Somebody drives the robot from one place to another, with a trembling hand."""
    draws = np.random.default_rng(7)
    observations, actions, timeouts = [], [], []
    for _ in range(trajectories):
        state, goal = np.concatenate([draws.uniform(-1, 1, 2), [0, 0]]), draws.uniform(-1, 1, 2)
        for step in range(steps):
            action = np.clip(4 * (goal - state[:2]) + 0.2 * draws.normal(size=2), -1, 1)
            observations.append(state)
            actions.append(action)
            timeouts.append(step + 1 == steps)
            state = move(state, action)
    return {"observations": np.array(observations), "actions": np.array(actions), "timeouts": np.array(timeouts)}


@pytest.fixture(scope="module")
def data() -> dict[str, np.ndarray]:
    return logs()


def test_a_robot_is_learnt_from_arrays_and_driven_to_a_goal(data, tmp_path):
    heard = []
    trained = forethought.train(
        **data,
        out=tmp_path / "run",
        description=DESCRIPTION,
        config=CONFIG,
        steps=800,
        progress=lambda step, steps, loss: heard.append((step, steps, loss)),
    )
    assert trained.steps == 800 and trained.checkpoint.is_dir() and trained.report
    assert [step for step, _, _ in heard] == list(range(50, 801, 50))
    assert all(steps == 800 for _, steps, _ in heard) and heard[-1][2] < heard[0][2]
    agent = forethought.Agent.load(tmp_path / "run")
    assert agent.environment == "point" and agent.goal_entries == [0, 1]
    arrived = 0
    for seed, goal in enumerate([[0.6, -0.4], [-0.5, 0.5], [0.0, 0.7], [0.7, 0.7]]):
        state = np.array([-0.7, -0.5, 0.0, 0.0])
        agent.reset(seed, goal)
        for _ in range(150):
            state = move(state, agent.act(state))
            if np.linalg.norm(state[:2] - goal) <= agent.goal_radius:
                arrived += 1
                break
    assert arrived >= 3, f"{arrived} of 4"
    # The same call again finds the run complete and leaves it as it is.
    again = forethought.train(**data, out=tmp_path / "run", description=DESCRIPTION, config=CONFIG, steps=800)
    assert again.checkpoint == trained.checkpoint and again.steps == 800


def short(data, out, **changes):
    return forethought.train(**{**data, "out": out, "description": DESCRIPTION, "config": CONFIG, "steps": 6, **changes})


def test_threads_and_interrupts_do_not_change_what_is_learnt(data, tmp_path):
    def weights(trained: forethought.Trained) -> list[tuple[str, bytes]]:
        return [(file.name, file.read_bytes()) for file in sorted(trained.checkpoint.glob("*.safetensors"))]

    config = {**CONFIG, "train": {**CONFIG["train"], "log_every": 1}}
    whole = weights(short(data, tmp_path / "whole", config=config, threads=1))
    assert whole

    class Enough(Exception):
        pass

    def stop(step: int, steps: int, loss: float) -> None:
        if step == 3:
            raise Enough

    # What the callback raises comes out, and a checkpoint lies where it was raised.
    with pytest.raises(Enough):
        short(data, tmp_path / "parts", config=config, threads=2, progress=stop)
    heard = []
    rest = short(data, tmp_path / "parts", config=config, threads=2, progress=lambda step, *_: heard.append(step))
    assert heard == [4, 5, 6]
    assert weights(rest) == whole


def test_ctrl_c_leaves_a_checkpoint_to_go_on_from(data, tmp_path):
    # A program that was started in the background is deaf to it, and Python leaves that as it is.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        short(data, tmp_path / "run", steps=1_000_000)
    timer.join()
    assert forethought.Agent.load(tmp_path / "run").environment == "point"


def test_settings_may_stand_in_files(data, tmp_path):
    config, description = tmp_path / "config.toml", tmp_path / "description.toml"
    config.write_text("[model]\nframes_per_token = 5\nchunks = 4\nlevel_blocks = 0\ntarget = 'x0'\n[train]\nbatch = 8\n")
    description.write_text("environment = 'filed'\n[task]\nkind = 'goal'\nentries = [0, 1]\nradius = 0.1\n")
    trained = short(data, tmp_path / "run", config=config, description=str(description), steps=2)
    assert trained.steps == 2
    assert forethought.Agent.load(tmp_path / "run").environment == "filed"


def test_a_registered_environment_says_itself_what_its_data_are(tmp_path):
    from forethought.envs import Env

    env = Env("maze2d-umaze-v1")
    obs, _ = env.reset(seed=0)
    draws = np.random.default_rng(0)
    observations, actions = [], []
    for _ in range(120):
        actions.append(draws.uniform(-1, 1, 2))
        observations.append(obs)
        obs = env.step(actions[-1])[0]
    rows = {"observations": observations, "actions": actions, "out": tmp_path / "run"}
    config = {"model": {"chunks": 4, "level_blocks": 0, "target": "x0"}, "train": {"batch": 4}}
    forethought.train(**rows, environment="maze2d-umaze", config=config, steps=1)
    agent = forethought.Agent.load(tmp_path / "run")
    assert agent.environment == "maze2d-umaze-v1" and agent.goal_radius == 0.5
    with pytest.raises(ValueError, match="which `maze2d-umaze` has already"):
        forethought.train(**rows, environment="maze2d-umaze", description={"step_seconds": 0.1})
    with pytest.raises(ValueError, match="toy-car-v0"):
        forethought.train(**rows, environment="toy-car-v0", config=config)


@pytest.mark.parametrize(
    ("changes", "kind", "says"),
    [
        ({"actions": np.zeros((5, 2))}, ValueError, "actions have 5 rows"),
        ({"actions": np.zeros(5)}, ValueError, "a table, one row a step"),
        ({"observations": np.zeros((3, 2), dtype=object)}, TypeError, "dtype object"),
        ({"timeouts": np.zeros(3)}, ValueError, "one flag a row"),
        ({"rewards": np.zeros(3)}, ValueError, "rewards have 3 entries"),
        ({"config": {"trian": {}}}, ValueError, "unknown field `trian`"),
        ({"config": {"train": {"batch": 0}}}, ValueError, "train.batch"),
        ({"config": "nowhere.toml"}, FileNotFoundError, "nowhere.toml"),
        ({"description": {"featuers": []}}, ValueError, "unknown field `featuers`"),
        ({"description": {**DESCRIPTION, "action_low": [-1]}}, ValueError, "action_low has 1 numbers"),
        ({"steps": 0}, ValueError, "steps is 0"),
        ({"environment": "maze2d-umazee-v1", "description": None}, ValueError, "did you mean"),
    ],
)
def test_what_cannot_be_trained_with_is_refused_and_leaves_no_folder(data, tmp_path, changes, kind, says):
    with pytest.raises(kind, match=says):
        short(data, tmp_path / "run", **changes)
    assert not (tmp_path / "run").exists()


def test_numbers_that_are_not_finite_are_refused_with_their_row(data, tmp_path):
    observations = data["observations"].copy()
    observations[17, 3] = np.nan
    with pytest.raises(ValueError, match="NaN in row 17, column 3"):
        short({**data, "observations": observations}, tmp_path / "run")


def test_a_folder_of_somebody_else_s_is_left_alone(data, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(forethought.CheckpointError, match="choose another folder"):
        short(data, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
