"""What callers give, checked before it goes on: a refusal names the argument and the remedy."""

from __future__ import annotations

import json
import operator
from collections.abc import Mapping
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray


def numbers(name: str, value: ArrayLike, ndim: int, dtype: type[np.floating[Any]] = np.float64) -> NDArray[Any]:
    """The value as a contiguous array of real numbers.

    Raises TypeError for what is no array of real numbers, ValueError for another number of dimensions.
    """
    try:
        array = np.asarray(value)
    except ValueError as error:  # rows of different lengths
        raise ValueError(f"{name} is no rectangular array: {error}") from None
    # Integers and floats of any size; what is complex, text, or Python objects means something else.
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name} has dtype {array.dtype}: give real numbers, such as a float64 array")
    if array.ndim != ndim:
        shape = "a flat array" if ndim == 1 else "a table, one row a step"
        raise ValueError(f"{name} has shape {array.shape}: give {shape}")
    return np.ascontiguousarray(array, dtype=dtype)


def flags(name: str, value: ArrayLike, rows: int) -> NDArray[np.bool_]:
    """The value as one flag a row: booleans, or numbers 0 and 1."""
    array = np.asarray(value)
    if array.shape != (rows,):
        raise ValueError(f"{name} has shape {array.shape}, observations have {rows} rows: give one flag a row")
    if array.dtype.kind != "b":
        if array.dtype.kind not in "iuf" or not np.isin(array, (0, 1)).all():
            raise TypeError(f"{name} must hold booleans, or numbers 0 and 1; its dtype is {array.dtype}")
        array = array != 0
    return np.ascontiguousarray(array)


def whole(name: str, value: SupportsIndex, least: int = 0, most: int = 2**64 - 1) -> int:
    """The value as a whole number between two others."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be a whole number, not {type(value).__name__}") from None
    if not least <= number <= most:
        raise ValueError(f"{name} is {number}: give a whole number from {least} to {most}")
    return number


def changes(name: str, settings: Mapping[str, Any] | None) -> str | None:
    """Settings as JSON, numpy's numbers and arrays among them.

    Raises TypeError for values that are no settings, ValueError for numbers that are not finite.
    """
    if settings is None:
        return None
    if not isinstance(settings, Mapping):
        raise TypeError(f"{name} must be a dict of names and values, not {type(settings).__name__}")
    for key, value in settings.items():
        try:
            json.dumps(value, default=plain, allow_nan=False)
        except ValueError as error:
            raise ValueError(f"{name}[{key!r}] is {value}: {error}") from None
    return json.dumps(dict(settings), default=plain)


def plain(value: object) -> object:
    """What JSON does not know of numpy's."""
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    raise TypeError(f"a value of type {type(value).__name__} is no setting: give numbers, text, lists or dicts")
