"""Holds D4RL files written by forethought against h5py, and the other way round.

    h5py_check.py read  FILE.hdf5 EXPECTED.json   check a file of ours against what it must hold
    h5py_check.py write FILE.hdf5 EXPECTED.json   write a file the way D4RL does
    h5py_check.py match FOUND.json EXPECTED.json  compare what we found in it with what is in it
    h5py_check.py fixture h5py_small.hdf5 -       make the small file committed beside this script

Needs h5py and numpy. Ends with status 1 on the first difference.
"""

import json
import sys

import h5py
import numpy as np


def weighted_sum(values):
    flat = np.asarray(values, dtype=np.float64).reshape(-1)
    return float(np.sum(flat * (1 + np.arange(flat.size) % 997)))


def fail(message):
    sys.exit(f"h5py_check: {message}")


def close(got, want):
    return abs(got - want) <= 1e-9 * max(1.0, abs(want))


def read(path, expected_path):
    expected = json.load(open(expected_path))
    with h5py.File(path, "r") as file:
        found = []
        file.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None)
        if sorted(found) != sorted(expected["arrays"]):
            fail(f"keys {sorted(found)}, expected {sorted(expected['arrays'])}")
        for key, want in expected["arrays"].items():
            array = file[key]
            if str(array.dtype) != want["dtype"]:
                fail(f"{key}: dtype {array.dtype}, expected {want['dtype']}")
            if list(array.shape) != want["shape"]:
                fail(f"{key}: shape {array.shape}, expected {want['shape']}")
            if array.compression != "gzip":
                fail(f"{key}: compression {array.compression}, expected gzip")
            values = array[()]
            if not close(weighted_sum(values), want["weighted_sum"]):
                fail(f"{key}: weighted sum {weighted_sum(values)}, expected {want['weighted_sum']}")
            if "count" in want and int(values.sum()) != want["count"]:
                fail(f"{key}: {int(values.sum())} true, expected {want['count']}")
            if "first" in want:
                flat = values.reshape(-1)
                if not np.array_equal(flat[:8], np.float32(want["first"])):
                    fail(f"{key}: begins with {flat[:8]}, expected {want['first']}")
                if not np.array_equal(flat[::-1][:8], np.float32(want["last"])):
                    fail(f"{key}: ends with {flat[::-1][:8]}, expected {want['last']}")
            if want["dtype"] == "bool":
                enum = h5py.check_enum_dtype(array.id.get_type().dtype)
                base = array.id.get_type()
                if array.dtype != np.bool_ or base.get_class() != h5py.h5t.ENUM:
                    fail(f"{key}: not stored as h5py stores booleans ({enum})")
        for name in ("env_id", "seed", "generator", "generator_version", "layout_hash"):
            got = file.attrs.get(name)
            if isinstance(got, bytes):
                got = got.decode()
            if got != expected[name]:
                fail(f"attribute {name}: {got!r}, expected {expected[name]!r}")
    print(f"read: {len(expected['arrays'])} arrays and 5 attributes as expected")


def write(path, expected_path):
    rng = np.random.default_rng(5)
    rows = 5000
    arrays = {
        "observations": rng.normal(size=(rows, 4)).astype(np.float32),
        "actions": rng.uniform(-1, 1, size=(rows, 2)).astype(np.float32),
        "rewards": (rng.random(rows) < 0.1).astype(np.float32),
        "terminals": np.zeros(rows, dtype=bool),
        "timeouts": rng.random(rows) < 0.02,
        "infos/goal": rng.normal(size=(rows, 2)).astype(np.float32),
        "infos/qpos": rng.normal(size=(rows, 2)).astype(np.float32),
        "infos/qvel": rng.normal(size=(rows, 2)).astype(np.float32),
    }
    with h5py.File(path, "w") as file:
        for key, values in arrays.items():
            file.create_dataset(key, data=values, compression="gzip")
    expected = {}
    for key, values in arrays.items():
        entry = {"dtype": str(values.dtype), "shape": list(values.shape), "weighted_sum": weighted_sum(values)}
        if values.dtype == bool:
            entry["count"] = int(values.sum())
        else:
            flat = values.reshape(-1)
            entry["first"] = [float(v) for v in flat[:8]]
            entry["last"] = [float(v) for v in flat[::-1][:8]]
        expected[key] = entry
    json.dump({"arrays": expected}, open(expected_path, "w"))
    print(f"write: {len(arrays)} arrays of {rows} rows")


def fixture(path, _):
    """300 rows by formula (the Rust test repeats it), some keys that are not ours among them."""
    rows = 300
    t = np.arange(rows, dtype=np.float32)
    with h5py.File(path, "w") as file:
        for key, values in {
            "observations": (np.arange(4 * rows, dtype=np.float32) / 8).reshape(rows, 4),
            "actions": np.stack([t / 1024, -t / 1024], axis=1),
            "rewards": (t % 7 == 0).astype(np.float32),
            "terminals": np.zeros(rows, dtype=bool),
            "timeouts": t % 50 == 49,
            "infos/goal": np.stack([t, t + 0.5], axis=1),
            "infos/qpos": (np.arange(4 * rows, dtype=np.float32) / 8).reshape(rows, 4)[:, :2],
            "infos/qvel": (np.arange(4 * rows, dtype=np.float32) / 8).reshape(rows, 4)[:, 2:],
            "metadata/note": np.array([1, 2, 3]),
        }.items():
            file.create_dataset(key, data=values, compression="gzip", chunks=(min(128, len(values)),) + values.shape[1:])
    print(f"fixture: {rows} rows in {path}")


def match(found_path, expected_path):
    found, expected = json.load(open(found_path))["arrays"], json.load(open(expected_path))["arrays"]
    if sorted(found) != sorted(expected):
        fail(f"read {sorted(found)}, written {sorted(expected)}")
    for key, want in expected.items():
        got = found[key]
        same = got["shape"] == want["shape"] and got["dtype"] == want["dtype"]
        same = same and close(got["weighted_sum"], want["weighted_sum"])
        same = same and all(
            np.array_equal(np.float32(got[part]), np.float32(want[part])) for part in ("first", "last") if part in want
        )
        if not same or got.get("count") != want.get("count"):
            fail(f"{key}: read {got}, written {want}")
    print(f"match: {len(expected)} arrays written by h5py were read as they are")


if __name__ == "__main__":
    commands = {"read": read, "write": write, "match": match, "fixture": fixture}
    if len(sys.argv) != 4 or sys.argv[1] not in commands:
        fail(f"usage: h5py_check.py {'|'.join(commands)} FILE JSON")
    commands[sys.argv[1]](sys.argv[2], sys.argv[3])
