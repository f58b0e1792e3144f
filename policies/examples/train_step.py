"""Training steps of a perceptron in PyTorch beside those of `train_step.rs`, in turn, and their ratios.

Usage: python3 train_step.py target/release/examples/train_step [rounds]. Needs PyTorch. Adam is the faster of PyTorch's
plain and fused ones.
"""

import json
import statistics
import subprocess
import sys
import time

import torch

INPUT = 24


def pytorch(batch, width, norm, fused, steps):
    torch.manual_seed(0)
    layers = []
    for narrow in (INPUT, width, width):
        layers += [torch.nn.Linear(narrow, width), torch.nn.GELU(approximate="tanh")]
        layers += [torch.nn.LayerNorm(width)] if norm else []
    net = torch.nn.Sequential(*layers, torch.nn.Linear(width, 1))
    adam = torch.optim.Adam(net.parameters(), lr=3e-4, fused=fused)
    x, times = torch.rand(batch, INPUT) * 2 - 1, []
    for step in range(steps + steps // 5):
        began = time.perf_counter()
        loss = ((net(x) - 1) ** 2).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
        if step >= steps // 5:
            times.append(time.perf_counter() - began)
    return statistics.median(times) * 1e3


def ours(program, *numbers):
    line = subprocess.run([program, *map(str, numbers)], check=True, capture_output=True, text=True).stdout
    return json.loads(line)["milliseconds"]


program, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5
print("PyTorch", torch.__version__, "milliseconds a step; medians over", rounds, "rounds in turn; ratio = ours / PyTorch's")
for threads in (1, 2):
    torch.set_num_threads(threads)
    for norm in (0, 1):
        for batch in (256, 1024):
            for width in (256, 512):
                steps = max(20, 20_000_000 // (batch * width * 4))
                rows = []
                for _ in range(rounds):
                    a = ours(program, batch, width, threads, steps, norm)
                    b = min(pytorch(batch, width, norm, fused, steps) for fused in (False, True))
                    rows.append((a, b, a / b))
                a, b, ratio = (statistics.median(column) for column in zip(*rows))
                print(f"threads {threads} norm {norm} batch {batch:4} width {width}: {a:8.3f} {b:8.3f} ratio {ratio:.2f}", flush=True)
