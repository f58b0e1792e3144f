"""Writes networks.json: tiny networks with their weights, inputs and outputs, computed with NumPy alone.

Run it from this folder with any Python 3 that has NumPy: python make_golden.py. It is written from the
equations, not from the Rust code; the test planner/tests/golden.rs holds the Burn networks against it.

Every number that is an input is a short decimal. Weights are the f32 nearest to it, tokens the f64; noise
levels are eighths. The frequencies of the level embedding are f32 numbers in the networks, so they are here.
Everything else is computed in f64.
"""

import json
import math

import numpy as np

WIDTH, LAYERS, HEADS = 8, 2, 2
FRAME_STACK, OBSERVATION, ACTION, CHUNKS = 2, 2, 1, 3
TOKEN = FRAME_STACK * (OBSERVATION + ACTION)
KNOWN, GOAL = 2, 1
TOKENS = KNOWN + CHUNKS
FEATURES = 64
rng = np.random.default_rng(2407)


def draw(*shape, scale=1.0):
    return np.round(rng.normal(size=shape) * scale, 4)


def linear(weights, name, inputs, outputs):
    weights[f"{name}.weight"] = draw(inputs, outputs, scale=0.9 / math.sqrt(inputs))
    weights[f"{name}.bias"] = draw(outputs, scale=0.2)


def norm(weights, name):
    weights[f"{name}.gamma"] = 1.0 + draw(WIDTH, scale=0.2)
    weights[f"{name}.beta"] = draw(WIDTH, scale=0.2)


def shared_weights():
    weights = {}
    linear(weights, "input", TOKEN, WIDTH)
    weights["positions_tw"] = draw(TOKENS, WIDTH, scale=0.5)
    weights["remaining_tw"] = draw(CHUNKS, WIDTH, scale=0.5)
    linear(weights, "level.input", FEATURES, WIDTH)
    linear(weights, "level.output", WIDTH, WIDTH)
    return weights


def transformer_weights():
    weights = shared_weights()
    linear(weights, "modulation", WIDTH, 6 * WIDTH)
    for i in range(LAYERS):
        weights[f"blocks.{i}.offset"] = draw(6 * WIDTH, scale=0.3)
        norm(weights, f"blocks.{i}.attention_norm")
        linear(weights, f"blocks.{i}.query_key_value", WIDTH, 3 * WIDTH)
        linear(weights, f"blocks.{i}.projection", WIDTH, WIDTH)
        norm(weights, f"blocks.{i}.mlp_norm")
        linear(weights, f"blocks.{i}.expand", WIDTH, 4 * WIDTH)
        linear(weights, f"blocks.{i}.contract", 4 * WIDTH, WIDTH)
    norm(weights, "final_norm")
    linear(weights, "final_modulation", WIDTH, 2 * WIDTH)
    linear(weights, "output", WIDTH, TOKEN)
    return weights


def gru_weights():
    weights = shared_weights()
    for i in range(LAYERS):
        norm(weights, f"layers.{i}.norm")
        for gate in ("update_gate", "reset_gate", "new_gate"):
            linear(weights, f"layers.{i}.cell.{gate}.input_transform", WIDTH, WIDTH)
            linear(weights, f"layers.{i}.cell.{gate}.hidden_transform", WIDTH, WIDTH)
    linear(weights, "hidden", WIDTH, 2 * WIDTH)
    linear(weights, "output", 2 * WIDTH, TOKEN)
    return weights


def f32(weights):
    return {name: np.float32(value).astype(np.float64) for name, value in weights.items()}


erf = np.vectorize(math.erf)


def gelu(x):
    return 0.5 * x * (1.0 + erf(x / math.sqrt(2.0)))


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def silu(x):
    return x * sigmoid(x)


def apply(weights, name, x):
    return x @ weights[f"{name}.weight"] + weights[f"{name}.bias"]


def layer_norm(weights, name, x):
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    return scaled * weights[f"{name}.gamma"] + weights[f"{name}.beta"]


def level_embedding(weights, level):
    half = FEATURES // 2
    exponent = np.arange(half, dtype=np.float32) / np.float32(half - 1)
    frequency = np.float32(math.pi) * np.float32(np.power(256.0, exponent.astype(np.float64)))
    angle = level[:, None] * frequency.astype(np.float64)
    features = np.concatenate([np.sin(angle), np.cos(angle)], -1)
    return silu(apply(weights, "level.output", silu(apply(weights, "level.input", features))))


def remaining(chunks):
    return np.array([0] * KNOWN + [max(chunks - 1 - c, 0) for c in range(CHUNKS)])


def visible(chunks, goal):
    return np.array([goal if t == GOAL else t < KNOWN + chunks for t in range(TOKENS)])


def transformer(weights, x, level, chunks, goal, causal):
    sees = np.tile(visible(chunks, goal), (TOKENS, 1))
    if causal:
        sees &= np.tri(TOKENS, dtype=bool)
    embedded = level_embedding(weights, level)
    x = apply(weights, "input", x) + weights["positions_tw"] + weights["remaining_tw"][remaining(chunks)]
    for i in range(LAYERS):
        at = f"blocks.{i}."
        modulation = apply(weights, "modulation", embedded) + weights[at + "offset"]
        scale_a, shift_a, gate_a, scale_m, shift_m, gate_m = np.split(modulation, 6, -1)
        h = layer_norm(weights, at + "attention_norm", x) * (1 + scale_a) + shift_a
        q, k, v = np.split(apply(weights, at + "query_key_value", h), 3, -1)
        heads = []
        for head in np.split(np.arange(WIDTH), HEADS):
            score = q[:, head] @ k[:, head].T / math.sqrt(WIDTH / HEADS)
            score = np.where(sees, score, -np.inf)
            weight = np.exp(score - score.max(-1, keepdims=True))
            heads.append(weight / weight.sum(-1, keepdims=True) @ v[:, head])
        x = x + gate_a * apply(weights, at + "projection", np.concatenate(heads, -1))
        h = layer_norm(weights, at + "mlp_norm", x) * (1 + scale_m) + shift_m
        x = x + gate_m * apply(weights, at + "contract", gelu(apply(weights, at + "expand", h)))
    scale, shift = np.split(apply(weights, "final_modulation", embedded), 2, -1)
    return apply(weights, "output", layer_norm(weights, "final_norm", x) * (1 + scale) + shift)


def gru(weights, x, level, chunks, goal, _causal):
    x = apply(weights, "input", x) + level_embedding(weights, level) + weights["remaining_tw"][remaining(chunks)]
    x = x * visible(chunks, goal)[:, None] + weights["positions_tw"]
    for i in range(LAYERS):
        cell = f"layers.{i}.cell."
        h, out = np.zeros(WIDTH), []
        for token in layer_norm(weights, f"layers.{i}.norm", x):
            gate = lambda name: (
                apply(weights, f"{cell}{name}.input_transform", token),
                apply(weights, f"{cell}{name}.hidden_transform", h),
            )
            z, r = sigmoid(sum(gate("update_gate"))), sigmoid(sum(gate("reset_gate")))
            of_input, of_hidden = gate("new_gate")
            h = (1 - z) * np.tanh(of_input + r * of_hidden) + z * h
            out.append(h)
        x = x + np.array(out)
    return apply(weights, "output", gelu(apply(weights, "hidden", x)))


def main():
    x = draw(2, TOKENS, TOKEN)
    level = rng.integers(0, 9, size=(2, TOKENS))
    chunks, goal = [3, 2], [True, False]
    cases = []
    for kind, forward, weights in (
        ("transformer", transformer, transformer_weights()),
        ("gru", gru, gru_weights()),
    ):
        outputs = {}
        for name, causal in (("bidirectional", False), ("causal", True)):
            if kind == "gru" and not causal:
                continue
            runs = [forward(f32(weights), x[b], level[b] / 8.0, chunks[b], goal[b], causal) for b in range(2)]
            outputs[name] = np.array(runs).ravel().tolist()
        flat = {name: value.ravel().tolist() for name, value in weights.items()}
        cases.append({"kind": kind, "weights": flat, "outputs": outputs})
    fixture = {
        "width": WIDTH, "layers": LAYERS, "heads": HEADS, "frame_stack": FRAME_STACK,
        "observation": OBSERVATION, "action": ACTION, "chunks": CHUNKS, "levels": 8,
        "x_btd": x.ravel().tolist(), "level_bt": level.ravel().tolist(), "chunks_b": chunks, "goal_b": goal,
        "networks": cases,
    }
    with open("networks.json", "w", encoding="ascii") as file:
        json.dump(fixture, file, separators=(",", ":"))
        file.write("\n")


main()
