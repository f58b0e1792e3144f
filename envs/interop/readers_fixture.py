"""Makes `envs/tests/readers.zip`: small data sets as other people's libraries write them, and what stands in them.

    python3 -m venv venv && venv/bin/pip install h5py==3.16.0 "minari[hdf5]==0.5.4" pillow pyarrow==26.0.1 datasets==5.2.0
    venv/bin/python envs/interop/readers_fixture.py envs/tests/readers.zip

Minari's are made by minari itself. LeRobot's are written as lerobot 0.4.4 does (`lerobot_dataset.py`): features by the
`datasets` library, one `ParquetWriter` a file, snappy. robomimic's are what robomimic 0.3.0 (`dataset_states_to_obs.py`)
writes with h5py, D4RL's what its published files hold (keys, types and shapes), both by formula. `expected.json` holds the
rows of each data set as they are to be read.
"""

import json
import os
import sys
import tempfile
import zipfile
from pathlib import Path

import h5py
import numpy as np

EXPECTED = {}


def expect(name, **arrays):
    """Notes what is to be read: arrays as lists, everything else as it is."""
    EXPECTED[name] = {
        key: np.asarray(value, dtype=np.float32 if np.asarray(value).dtype.kind in "fiu" else None).tolist()
        if isinstance(value, np.ndarray) else value
        for key, value in arrays.items()
    }


def numbers(rng, *shape, dtype=np.float32):
    """Numbers that float32 holds exactly, so that JSON and file agree to the bit."""
    return (rng.integers(-512, 512, size=shape) / 64).astype(dtype)


def d4rl(root):
    rng = np.random.default_rng(1)
    rows = 30

    def write(name, arrays):
        with h5py.File(root / f"{name}.hdf5", "w") as file:
            for key, values in arrays.items():
                file.create_dataset(key, data=values, compression="gzip" if np.ndim(values) else None)

    # hopper-medium-v2: episodes of 10, fallen at the end of the first, cut at the ends of the others.
    observations, last = numbers(rng, rows, 11), numbers(rng, 3, 11)
    following = np.vstack([np.vstack([observations[10 * i + 1:10 * i + 10], last[i]]) for i in range(3)])
    common = {
        "observations": observations, "actions": numbers(rng, rows, 3), "rewards": numbers(rng, rows),
        "infos/action_log_probs": numbers(rng, rows), "infos/qpos": numbers(rng, rows, 6),
        "infos/qvel": numbers(rng, rows, 6), "metadata/algorithm": np.bytes_("SAC"),
        "metadata/iteration": np.int64(3), "metadata/policy/fc0/weight": numbers(rng, 4, 11),
    }
    terminals, timeouts = np.zeros(rows, bool), np.zeros(rows, bool)
    terminals[9] = timeouts[19] = timeouts[29] = True
    write("locomotion", common | {
        "next_observations": following, "terminals": terminals, "timeouts": timeouts,
    })
    named = {key: common[key] for key in ["observations", "actions", "rewards"]}
    expect("locomotion", **named, terminals=terminals, timeouts=timeouts)
    # The same without time-outs: that an episode was cut stands in the observations alone.
    unmarked = timeouts.copy()
    unmarked[29] = False
    write("unmarked", named | {"next_observations": following, "terminals": terminals})
    expect("unmarked", **named, terminals=terminals, timeouts=unmarked)

    # antmaze-umaze-v2: 15 positions and 14 velocities, of which the observation is made; goals beside the rows.
    qpos, qvel = numbers(rng, rows, 15), numbers(rng, rows, 14)
    timeouts = np.arange(rows) % 10 == 9
    arrays = {
        "observations": np.hstack([qpos, qvel]), "actions": numbers(rng, rows, 8),
        "rewards": (np.arange(rows) % 10 == 8).astype(np.float32), "terminals": np.arange(rows) % 10 == 8,
        "timeouts": timeouts, "infos/goal": np.repeat(numbers(rng, 3, 2), 10, axis=0),
    }
    write("antmaze", arrays | {"infos/qpos": qpos, "infos/qvel": qvel})
    named = {key: arrays[key] for key in ["observations", "actions", "rewards", "terminals", "timeouts"]}
    expect("antmaze", **named, goals=arrays["infos/goal"])

    # kitchen-mixed-v0: no time-outs, and an arm that rests while the same row is written again and again.
    observations, actions = numbers(rng, rows, 60), numbers(rng, rows, 9)
    observations[12:15] = observations[11]
    observations[20] = observations[19]
    arrays = {
        "observations": observations, "actions": actions, "rewards": np.floor(np.arange(rows) / 10).astype(np.float32),
        "terminals": np.isin(np.arange(rows), [14, 19, 29]),
    }
    write("kitchen", arrays)
    expect("kitchen", **arrays, timeouts=np.zeros(rows, bool))

    # pen-human-v1: double precision, 30 positions and velocities that are not the observation; no terminals.
    arrays = {
        "observations": numbers(rng, rows, 45, dtype=np.float64), "actions": numbers(rng, rows, 24, dtype=np.float64),
        "rewards": numbers(rng, rows, dtype=np.float64), "timeouts": np.arange(rows) % 15 == 14,
    }
    write("adroit", arrays | {
        "infos/qpos": numbers(rng, rows, 30, dtype=np.float64), "infos/qvel": numbers(rng, rows, 30, dtype=np.float64),
        "infos/desired_orien": numbers(rng, rows, 4),
    })
    expect("adroit", **arrays, terminals=np.zeros(rows, bool))


def closed(values, last):
    """Rows of an episode with the one for its last observation."""
    return np.concatenate([values, np.asarray(last, dtype=values.dtype).reshape((1,) + values.shape[1:])])


def robomimic(root):
    rng = np.random.default_rng(2)
    widths = {"object": 4, "robot0_eef_pos": 3, "robot0_eef_quat": 4, "robot0_gripper_qpos": 2}
    demos = {}
    with h5py.File(root / "robomimic.hdf5", "w") as file:
        data = file.create_group("data")
        # Written in an order that is not theirs.
        for number in [10, 2, 9, 0]:
            rows = 3 + number % 4
            group = data.create_group(f"demo_{number}")
            arrays = {f"obs/{key}": numbers(rng, rows, width, dtype=np.float64) for key, width in widths.items()}
            for key, width in widths.items():
                arrays[f"next_obs/{key}"] = closed(arrays[f"obs/{key}"][1:], numbers(rng, width))
            arrays |= {"actions": numbers(rng, rows, 7, dtype=np.float64), "rewards": np.zeros(rows),
                       "dones": np.zeros(rows, np.int64), "states": numbers(rng, rows, 9, dtype=np.float64)}
            # Successes at the end of two, and one that is held for two rows.
            arrays["dones"][-1:] = arrays["rewards"][-1:] = number != 2
            arrays["dones"][-2:] = arrays["dones"][-1]
            for key, values in arrays.items():
                group.create_dataset(key, data=values)
            group.create_dataset("obs/agentview_image", data=np.zeros((rows, 4, 4, 3), np.uint8), compression="gzip")
            group.attrs["num_samples"], group.attrs["model_file"] = rows, "<mujoco/>"
            demos[number] = arrays
        data.attrs["total"] = sum(len(demo["actions"]) for demo in demos.values())
        data.attrs["env_args"] = json.dumps({
            "env_name": "Lift", "type": 1, "env_version": "1.4.1", "env_kwargs": {"control_freq": 20, "robots": ["Panda"]},
        }, indent=4)
        file.create_dataset("mask/train", data=np.array(["demo_0", "demo_2", "demo_10"], dtype="S"))
        file.create_dataset("mask/valid", data=np.array(["demo_9"], dtype="S"))

    def rows_of(keys):
        read = {name: [] for name in ["observations", "actions", "rewards", "terminals", "timeouts"]}
        for number in sorted(demos):
            demo = demos[number]
            seen = [closed(demo[f"obs/{key}"], demo[f"next_obs/{key}"][-1]) for key in keys]
            ends = np.arange(len(seen[0])) == len(seen[0]) - 1
            done = bool(demo["dones"][-1])
            read["observations"].append(np.hstack(seen))
            read["actions"].append(closed(demo["actions"], demo["actions"][-1]))
            read["rewards"].append(closed(demo["rewards"], 0))
            read["terminals"].append(ends & done)
            read["timeouts"].append(ends & (not done))
        return {name: np.concatenate(parts) for name, parts in read.items()}

    expect("robomimic", **rows_of(sorted(widths)), features=[[key, widths[key]] for key in sorted(widths)])
    chosen = ["robot0_eef_pos", "object"]
    expect("robomimic chosen", **rows_of(chosen), features=[[key, widths[key]] for key in chosen])


def minari_sets(root):
    os.environ["MINARI_DATASETS_PATH"] = str(root / "minari")
    import gymnasium
    import minari
    from gymnasium import spaces
    from minari.data_collector import EpisodeBuffer

    rng = np.random.default_rng(3)
    episodes = [(4, True), (3, False), (5, True)]
    flags = lambda rows, end: [False] * (rows - 1) + [end]

    def make(name, seen, observation_space, columns, **more):
        """`seen(rows)` gives what minari keeps of an episode; `columns` what is to be read of that."""
        buffers, read = [], {key: [] for key in ["observations", "actions", "rewards", "terminals", "timeouts", "goals"]}
        for rows, fallen in episodes:
            actions = numbers(rng, rows, 2) / 8
            actions[0] = [1.5, -1.25]  # outside of the action space
            buffer = EpisodeBuffer(
                observations=seen(rows + 1), actions=actions, rewards=numbers(rng, rows, dtype=np.float64).tolist(),
                terminations=flags(rows, fallen), truncations=flags(rows, not fallen),
            )
            buffers.append(buffer)
            observations, goals = columns(buffer.observations)
            ends = np.arange(rows + 1) == rows
            read["observations"].append(observations)
            read["goals"].append(goals)
            read["actions"].append(closed(actions, actions[-1]))
            read["rewards"].append(closed(np.array(buffer.rewards), 0))
            read["terminals"].append(ends & fallen)
            read["timeouts"].append(ends & (not fallen))
        minari.create_dataset_from_buffers(
            name, buffers, observation_space=observation_space,
            action_space=spaces.Box(-1, 1, (2,), np.float32), **more,
        )
        if read["goals"][0] is None:
            del read["goals"]
        return {key: np.concatenate(parts) for key, parts in read.items()}

    box = lambda width: spaces.Box(-np.inf, np.inf, (width,), np.float64)
    environment = gymnasium.spec("Pendulum-v1")
    flat = make("flat-v0", lambda rows: numbers(rng, rows, 3, dtype=np.float64), box(3), lambda seen: (seen, None),
                data_format="hdf5", env=environment)
    expect("flat", **flat, features=[["observation", 3]])
    parquet = make("parquet-v0", lambda rows: numbers(rng, rows, 3, dtype=np.float64), box(3),
                   lambda seen: (seen, None), data_format="parquet")
    expect("parquet", **parquet, features=[["observation", 3]])
    arrow = make("arrow-v0", lambda rows: numbers(rng, rows, 3, dtype=np.float64), box(3), lambda seen: (seen, None),
                 data_format="arrow")
    expect("arrow", **arrow, features=[["observation", 3]])

    def goal(rows):
        seen = numbers(rng, rows, 4, dtype=np.float64)
        return {"observation": seen, "achieved_goal": seen[:, :2].copy(),
                "desired_goal": np.repeat(numbers(rng, 1, 2, dtype=np.float64), rows, axis=0)}

    space = spaces.Dict({"observation": box(4), "achieved_goal": box(2), "desired_goal": box(2)})
    read = make("goal-v0", goal, space, lambda seen: (seen["observation"], seen["desired_goal"]), data_format="hdf5")
    expect("goal", **read, features=[["observation", 4]])

    def nested(rows):
        return {"arm": {"joints": numbers(rng, rows, 3, dtype=np.float64), "tip": numbers(rng, rows, 2, dtype=np.float64)},
                "camera": np.zeros((rows, 8, 8, 3), np.uint8), "achieved_goal": numbers(rng, rows, 2, dtype=np.float64)}

    space = spaces.Dict({
        "arm": spaces.Dict({"joints": box(3), "tip": box(2)}), "achieved_goal": box(2),
        "camera": spaces.Box(0, 255, (8, 8, 3), np.uint8),
    })
    columns = lambda seen: (np.hstack([seen["achieved_goal"], seen["arm"]["joints"], seen["arm"]["tip"]]), None)
    read = make("nested-v0", nested, space, columns, data_format="hdf5")
    expect("nested", **read, features=[["achieved_goal", 2], ["arm/joints", 3], ["arm/tip", 2]])
    read = make("nestedarrow-v0", nested, space, columns, data_format="arrow")
    expect("nested arrow", **read, features=[["achieved_goal", 2], ["arm/joints", 3], ["arm/tip", 2]])


def lerobot(root):
    import datasets
    import pyarrow
    import pyarrow.parquet

    rng = np.random.default_rng(4)
    joints = ["shoulder.pos", "elbow.pos", "gripper.pos"]
    described = {
        "observation.state": {"dtype": "float32", "shape": [3], "names": joints},
        "observation.environment_state": {"dtype": "float32", "shape": [2], "names": ["x", "y"]},
        "observation.images.top": {"dtype": "video", "shape": [8, 8, 3], "names": ["height", "width", "channels"]},
        "action": {"dtype": "float32", "shape": [3], "names": joints},
        "next.reward": {"dtype": "float32", "shape": [1], "names": None},
        "next.done": {"dtype": "bool", "shape": [1], "names": None},
        "timestamp": {"dtype": "float32", "shape": [1], "names": None},
    } | {key: {"dtype": "int64", "shape": [1], "names": None}
         for key in ["frame_index", "episode_index", "index", "task_index"]}
    features = datasets.Features({
        key: datasets.Value(of["dtype"]) if of["shape"] == [1]
        else datasets.Sequence(length=of["shape"][0], feature=datasets.Value(of["dtype"]))
        for key, of in described.items() if of["dtype"] != "video"
    })
    home = root / "lerobot"
    lengths, places = [4, 3, 5, 2], [(0, 0), (0, 0), (0, 1), (1, 0)]
    writers, kept, rows = {}, [], 0
    read = {key: [] for key in ["observations", "actions", "rewards", "terminals", "timeouts"]}
    for episode, (length, place) in enumerate(zip(lengths, places)):
        frames = np.arange(length)
        # All that were seen through are done; the third was broken off.
        done = (frames == length - 1) & (episode != 2)
        table = {
            "observation.state": numbers(rng, length, 3), "observation.environment_state": numbers(rng, length, 2),
            "action": numbers(rng, length, 3), "next.reward": numbers(rng, length), "next.done": done,
            "timestamp": (frames / 10).astype(np.float32), "frame_index": frames,
            "episode_index": np.full(length, episode), "index": rows + frames, "task_index": np.zeros(length, np.int64),
        }
        arrow = datasets.Dataset.from_dict(table, features=features).with_format("arrow")[:]
        path = home / "data" / f"chunk-{place[0]:03d}" / f"file-{place[1]:03d}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        if path not in writers:
            writers[path] = pyarrow.parquet.ParquetWriter(path, schema=arrow.schema, compression="snappy", use_dictionary=True)
        writers[path].write_table(arrow)
        kept.append({"episode_index": episode, "tasks": ["push the block"], "length": length,
                     "data/chunk_index": place[0], "data/file_index": place[1],
                     "dataset_from_index": rows, "dataset_to_index": rows + length})
        rows += length
        read["observations"].append(np.hstack([table["observation.environment_state"], table["observation.state"]]))
        read["actions"].append(table["action"])
        read["rewards"].append(table["next.reward"])
        read["terminals"].append(done)
        read["timeouts"].append((frames == length - 1) & ~done)
    for writer in writers.values():
        writer.close()
    # The file in the middle once more, in forms that are read as well, and in forms that are not.
    write = pyarrow.parquet.write_table
    table = pyarrow.parquet.read_table(home / "data" / "chunk-000" / "file-001.parquet").replace_schema_metadata()
    write(table, root / "plain.parquet", compression="none", data_page_version="2.0", use_dictionary=False)
    write(table, root / "pages.parquet", compression="snappy", data_page_size=16, row_group_size=2, data_page_version="2.0")
    write(table, root / "zstd.parquet", compression="zstd")
    write(table, root / "delta.parquet", use_dictionary=False, column_encoding={"frame_index": "DELTA_BINARY_PACKED"})
    # Five million rows that take no room.
    write(pyarrow.table({"episode_index": np.zeros(5_000_000, np.int64)}), root / "endless.parquet", compression="snappy")
    for name, odd in [("null", None), ("ragged", [1.0, 2.0]), ("hole", [1.0, None, 2.0])]:
        actions = table["action"].to_pylist()
        actions[3] = odd
        actions = pyarrow.array(actions, pyarrow.list_(pyarrow.float32()))
        at = table.schema.get_field_index("action")
        write(table.set_column(at, "action", actions), root / f"{name}.parquet")
    path = home / "meta" / "episodes" / "chunk-000" / "file-000.parquet"
    path.parent.mkdir(parents=True)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(kept), path, compression="snappy")
    (home / "meta" / "info.json").write_text(json.dumps({
        "codebase_version": "v3.0", "robot_type": "so100", "total_episodes": len(lengths), "total_frames": rows,
        "total_tasks": 1, "chunks_size": 2, "data_files_size_in_mb": 100, "video_files_size_in_mb": 500, "fps": 10,
        "splits": {"train": f"0:{len(lengths)}"},
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4", "features": described,
    }, indent=4))
    names = [["x", 1], ["y", 1]] + [[joint, 1] for joint in joints]
    expect("lerobot", **{key: np.concatenate(parts) for key, parts in read.items()}, features=names)


def hostile(root):
    """Sound in part: what is not read is said to be so."""
    with h5py.File(root / "linked.hdf5", "w") as file:
        for number in range(2):
            group = file.create_group(f"data/demo_{number}")
            group.create_dataset("actions", data=np.zeros((3, 2)) + 0.5)
            group.create_dataset("dones", data=np.zeros(3, np.int64))
            if number == 0:
                group.create_dataset("obs/a", data=np.zeros((3, 2)))
            else:
                group["obs/a"] = h5py.SoftLink("/data/demo_0/obs/a")
    with h5py.File(root / "external.hdf5", "w") as file:
        file["episode_0/observations"] = h5py.ExternalLink("other.hdf5", "/episode_0/observations")
        file.create_dataset("episode_0/actions", data=np.zeros((3, 2)) + 0.5)
    with h5py.File(root / "virtual.hdf5", "w") as file:
        layout = h5py.VirtualLayout(shape=(4, 2), dtype="f8")
        layout[:] = h5py.VirtualSource("other.hdf5", "a", shape=(4, 2))
        file.create_virtual_dataset("episode_0/observations", layout)
        file.create_dataset("episode_0/actions", data=np.zeros((3, 2)) + 0.5)
    with h5py.File(root / "big_endian.hdf5", "w") as file:
        group = file.create_group("data/demo_0")
        for key in ["obs/a", "next_obs/a", "actions"]:
            group.create_dataset(key, data=np.arange(6).reshape(3, 2) / 4, dtype=">f8")
        group.create_dataset("dones", data=np.zeros(3), dtype=">i4")
    with h5py.File(root / "cycle.hdf5", "w") as file:
        group = file.create_group("data/demo_0")
        group.create_dataset("actions", data=np.zeros((3, 2)) + 0.5)
        group.create_dataset("obs/a", data=np.zeros((3, 2)))
        for number in range(8):
            group[f"obs/again_{number}"] = group["obs"]
    with h5py.File(root / "huge.hdf5", "w") as file:
        group = file.create_group("data/demo_0")
        group.create_dataset("obs/a", shape=(1 << 40, 64), dtype="f8", chunks=(1024, 64))
        group.create_dataset("actions", data=np.zeros((3, 2)) + 0.5)


def main(path):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for make in [d4rl, robomimic, minari_sets, lerobot, hostile]:
            make(root)
        (root / "expected.json").write_text(json.dumps(EXPECTED))
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as out:
            for file in sorted(root.rglob("*")):
                if file.is_file() and file.name != "namespace_metadata.json":
                    # No time of day: the same data give the same bytes, as far as the libraries let them.
                    out.writestr(zipfile.ZipInfo(str(file.relative_to(root))), file.read_bytes(), zipfile.ZIP_DEFLATED, 9)
    print(f"{path}: {Path(path).stat().st_size} bytes, {len(EXPECTED)} data sets")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
