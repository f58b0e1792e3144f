"""How long it takes to read four million rows into memory: this crate against h5py, numpy and pyarrow.

    cargo build --locked --release --workspace --examples
    pip install h5py numpy pyarrow
    python envs/interop/read_speed.py target/release/examples/read_speed [ROWS]

Files are made in a temporary folder (some gigabytes), of 11 observations and 3 actions a row as D4RL's hopper has them, in
episodes of a thousand. Both sides read all arrays of the same file, in turn, from a warm cache and for the second time in their
process, so that memory has been used before; medians of five. What this
crate does besides, which is to hold every number and length against what can be trained on, is in its time. The last column
is its time over that of the library: below one it is faster.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np
import pyarrow
import pyarrow.parquet

EPISODE, TIMES = 1000, 5


def make(root, rows):
    rng = np.random.default_rng(0)
    data = {
        "observations": rng.standard_normal((rows, 11), np.float32), "actions": rng.standard_normal((rows, 3), np.float32),
        "rewards": rng.standard_normal(rows, np.float32), "terminals": np.zeros(rows, bool),
        "timeouts": np.arange(rows) % EPISODE == EPISODE - 1,
    }
    sets = {}
    for name, packing in [("contiguous", {}), ("gzip", {"compression": "gzip"})]:
        sets[f"D4RL, {name}"] = (root / f"{name}.hdf5", with_h5py)
        with h5py.File(root / f"{name}.hdf5", "w") as file:
            for key, values in data.items():
                file.create_dataset(key, data=values, **packing)
    arrays = {"observations": data["observations"], "actions": data["actions"], "terminals": data["timeouts"]}
    for name, save in [("stored", np.savez), ("deflated", np.savez_compressed)]:
        sets[f"OGBench, {name}"] = (root / f"{name}.npz", with_numpy)
        save(root / f"{name}.npz", **arrays)
    sets["LeRobot"] = (lerobot(root / "lerobot", data, rows), with_pyarrow)
    return sets


def lerobot(home, data, rows):
    """As lerobot 0.4 records: a group of rows for each episode, snappy, dictionaries."""
    frame = np.arange(rows)
    fixed = lambda values: pyarrow.FixedSizeListArray.from_arrays(values.ravel(), values.shape[1])
    table = pyarrow.table({
        "observation.state": fixed(data["observations"]), "action": fixed(data["actions"]),
        "next.reward": data["rewards"], "next.done": data["terminals"],
        "timestamp": ((frame % EPISODE) / 50).astype(np.float32), "frame_index": frame % EPISODE,
        "episode_index": frame // EPISODE, "index": frame, "task_index": np.zeros(rows, np.int64),
    })
    per_file = 1000 * EPISODE
    for number, start in enumerate(range(0, rows, per_file)):
        path = home / "data" / "chunk-000" / f"file-{number:03d}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        with pyarrow.parquet.ParquetWriter(path, table.schema, compression="snappy", use_dictionary=True) as writer:
            for at in range(start, min(start + per_file, rows), EPISODE):
                writer.write_table(table.slice(at, EPISODE))
    (home / "meta").mkdir()
    column = lambda dtype, width: {"dtype": dtype, "shape": [width], "names": None}
    (home / "meta" / "info.json").write_text(json.dumps({
        "codebase_version": "v3.0", "total_episodes": -(-rows // EPISODE), "total_frames": rows, "fps": 50,
        "features": {"observation.state": column("float32", 11), "action": column("float32", 3)},
    }))
    return home


def with_h5py(path):
    with h5py.File(path, "r") as file:
        return {key: file[key][()] for key in file}


def with_numpy(path):
    with np.load(path) as file:
        return {key: file[key] for key in file.files}


def with_pyarrow(path):
    """The columns that this crate reads, as arrays."""
    columns = ["observation.state", "action", "next.reward", "next.done", "timestamp", "frame_index", "episode_index"]
    files = sorted(path.glob("data/*/*.parquet"))
    tables = [pyarrow.parquet.read_table(file, columns=columns, use_threads=True) for file in files]
    table = pyarrow.concat_tables(tables).combine_chunks()
    arrays = {}
    for name in columns:
        column = table[name].chunk(0)
        flat = column.flatten() if pyarrow.types.is_fixed_size_list(column.type) else column
        arrays[name] = flat.to_numpy(zero_copy_only=False)
    return arrays


def main(program, rows):
    print(f"{'set':20} {'forethought':>12} {'library':>10} {'ratio':>7}   ({rows} rows, seconds, medians of {TIMES})")
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for name, (path, library) in make(Path(folder), rows).items():
            ours, theirs = [], []
            library(path)
            for _ in range(TIMES):
                told = subprocess.run([program, path, "2"], check=True, capture_output=True, text=True).stdout
                words = told.splitlines()[-1].split()
                assert int(words[1]) == rows, words
                ours.append(float(words[0]))
                begin = time.perf_counter()
                read = library(path)
                theirs.append(time.perf_counter() - begin)
                seen = read["observations"] if "observations" in read else read["observation.state"]
                assert abs(float(words[2]) - float(seen.sum(dtype=np.float64))) < 1e-3 * rows ** 0.5, name
            ratio = statistics.median(ours) / statistics.median(theirs)
            worst = max(worst, ratio)
            print(f"{name:20} {statistics.median(ours):12.3f} {statistics.median(theirs):10.3f} {ratio:7.2f}", flush=True)
    print(f"slowest against its library: {worst:.2f}")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) == 3 else 4_000_000)
