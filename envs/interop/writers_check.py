"""Data sets for `writers.sh`, and what other people's libraries read of them.

    python writers_check.py make|minari|lerobot|back FOLDER
"""

import json
import os
import sys
from pathlib import Path

import h5py
import numpy as np

LENGTHS, FALLEN = [40, 25, 60], [True, False, False]
NAMES = ["x", "y", "angle", "speed", "turn"]
DESCRIPTION = """environment = "Bicycle-v2"
step_seconds = 0.05
action_low = [-1.0, -2.0]
action_high = [1.0, 2.0]
""" + "features = [" + ", ".join(f'{{ name = "{name}", width = 1, kind = "other" }}' for name in NAMES) + "]\n"


def data():
    rng = np.random.default_rng(5)
    rows, ends = sum(LENGTHS), np.cumsum(LENGTHS) - 1
    arrays = {
        "observations": rng.standard_normal((rows, 5), np.float32), "actions": rng.uniform(-1, 1, (rows, 2)).astype(np.float32),
        "rewards": rng.standard_normal(rows, np.float32), "infos/goal": rng.standard_normal((rows, 2), np.float32),
    }
    fallen = np.zeros(rows, bool)
    fallen[ends] = FALLEN
    return arrays | {"terminals": fallen, "timeouts": np.isin(np.arange(rows), ends) & ~fallen}


def episodes(arrays):
    """Rows of each episode."""
    start = 0
    for length in LENGTHS:
        yield {key: values[start:start + length] for key, values in arrays.items()}
        start += length


def make(home):
    for name in ["plain", "goals"]:
        with h5py.File(home / f"{name}.hdf5", "w") as file:
            for key, values in data().items():
                if name == "goals" or key != "infos/goal":
                    file[key] = values
        (home / f"{name}.toml").write_text(DESCRIPTION)
    (home / "sets").mkdir()


def check_minari(home):
    os.environ["MINARI_DATASETS_PATH"] = str(home / "sets")
    import minari

    assert sorted(minari.list_local_datasets()) == ["goals-v1", "plain-v1"], minari.list_local_datasets()
    for name in ["plain-v1", "goals-v1"]:
        loaded = minari.load_dataset(name)
        assert (loaded.total_episodes, loaded.total_steps) == (3, sum(LENGTHS) - 3)
        assert loaded.env_spec.id == "Bicycle-v2"
        np.testing.assert_array_equal(loaded.action_space.low, np.array([-1, -2], np.float32))
        np.testing.assert_array_equal(loaded.action_space.high, np.array([1, 2], np.float32))
        for episode, rows, fallen in zip(loaded.iterate_episodes(), episodes(data()), FALLEN, strict=True):
            seen = episode.observations
            if name == "goals-v1":
                np.testing.assert_array_equal(seen["desired_goal"], rows["infos/goal"])
                seen = seen["observation"]
                first = {key: values[0] for key, values in episode.observations.items()}
            else:
                first = seen[0]
            assert loaded.observation_space.contains(first), first
            np.testing.assert_array_equal(seen, rows["observations"])
            np.testing.assert_array_equal(episode.actions, rows["actions"][:-1])
            np.testing.assert_array_equal(episode.rewards, rows["rewards"][:-1])
            assert episode.terminations.dtype == bool and episode.terminations[-1] == fallen
            assert episode.truncations[-1] != fallen and not episode.truncations[:-1].any()
        assert [of["total_steps"] for of in loaded.storage.get_episode_metadata([0, 1, 2])] == [n - 1 for n in LENGTHS]
    # From anywhere, by its folder.
    assert minari.MinariDataset(home / "sets" / "plain-v1" / "data").total_episodes == 3
    print(f"minari {minari.__version__} reads both sets")


def check_lerobot(home):
    """As lerobot 0.4's `LeRobotDatasetMetadata` and `LeRobotDataset.load_hf_dataset` read a folder."""
    import datasets
    import pandas

    root = home / "lerobot"
    info = json.loads((root / "meta" / "info.json").read_text())
    assert info["codebase_version"] == "v3.0" and info["fps"] == 20 and info["features"]["observation.state"]["names"] == NAMES
    tasks = pandas.read_parquet(root / "meta" / "tasks.parquet")
    assert tasks.loc["Bicycle-v2"].task_index == 0 and tasks.iloc[0].name == "Bicycle-v2"
    nested = lambda folder, features=None: datasets.Dataset.from_parquet(
        [str(path) for path in sorted((root / folder).glob("*/*.parquet"))], features=features, cache_dir=str(home / "cache"))
    kept = nested("meta/episodes")
    assert kept["length"][:] == LENGTHS and kept["tasks"][:] == [["Bicycle-v2"]] * 3
    for episode in kept:
        path = root / info["data_path"].format(
            chunk_index=episode["data/chunk_index"], file_index=episode["data/file_index"])
        assert path.is_file()
    # `get_hf_features_from_features`
    features = datasets.Features({
        key: datasets.Value(of["dtype"]) if of["shape"] == [1]
        else datasets.Sequence(length=of["shape"][0], feature=datasets.Value(of["dtype"]))
        for key, of in info["features"].items()
    })
    frames = nested("data", features).with_format("numpy")
    assert len(frames) == info["total_frames"] == sum(LENGTHS)
    arrays = data()
    for key, rows in [("observation.state", "observations"), ("action", "actions"), ("next.reward", "rewards"),
                      ("next.done", "terminals")]:
        np.testing.assert_array_equal(np.array(frames[key][:]), arrays[rows])
    for episode in kept:
        begin, end = episode["dataset_from_index"], episode["dataset_to_index"]
        rows = frames[begin:end]
        assert (rows["episode_index"] == episode["episode_index"]).all() and (rows["index"] == np.arange(begin, end)).all()
        assert (rows["frame_index"] == np.arange(end - begin)).all() and (rows["task_index"] == 0).all()
        np.testing.assert_allclose(rows["timestamp"], np.arange(end - begin) / 20, atol=1e-6)
    stats = json.loads((root / "meta" / "stats.json").read_text())
    for key, of in stats.items():
        values = np.array(frames[key][:], dtype=np.float64).reshape(sum(LENGTHS), -1)
        for name in ["min", "max", "mean", "std"]:
            np.testing.assert_allclose(of[name], getattr(values, name)(axis=0), rtol=1e-6, atol=1e-9, err_msg=f"{key} {name}")
        assert of["count"] == [sum(LENGTHS)]
    assert set(stats) == set(info["features"])
    print(f"datasets {datasets.__version__} and pandas {pandas.__version__} read the set as lerobot does")


def check_back(home):
    with h5py.File(home / "back.hdf5", "r") as file:
        for key, values in data().items():
            if key != "infos/goal":
                np.testing.assert_array_equal(file[key][()], values)
    print("what comes back is what was there")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    {"make": make, "minari": check_minari, "lerobot": check_lerobot, "back": check_back}[sys.argv[1]](Path(sys.argv[2]))
