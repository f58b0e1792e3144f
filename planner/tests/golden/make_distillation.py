"""Targets of distillation, from the equations: writes distillation.json for ../distillation.rs.

Salimans & Ho, ICLR 2022, algorithm 2, per token; steps of DDIM (Song et al., ICLR 2021) and DPM-Solver++(2M) (Lu et al.,
arXiv 2211.01095) in alpha, sigma and lambda. The denoiser is x0 = 0.6 x + 0.3 (the token before) + 0.2 sin(level) per slot.
"""

import json
from math import cos, exp, log, pi, sin, sqrt

K, WIDTH = 1000, 3


def abar(k):
    raw = lambda u: cos((u + 0.008) / 1.008 * pi / 2) ** 2
    first, last = 1.0, raw(1.0) / raw(0.0)
    floor = max(last, 1e-5)
    return floor + (raw(k / K) / raw(0.0) - last) * (1.0 - floor) / (first - last)


def alpha(k):
    return sqrt(abar(k))


def sigma(k):
    return sqrt(1.0 - abar(k))


def lam(k):
    return log(alpha(k) / sigma(k))


def estimate(z, levels):
    before = [[0.0] * WIDTH] + z[:-1]
    return [[0.6 * x + 0.3 * b + 0.2 * sin(k) for x, b in zip(x_d, b_d)] for x_d, b_d, k in zip(z, before, levels)]


def walk(z, start, end, student, n, solver, stabilization):
    """`n` steps of every token from its level to its next one, of `student` levels each."""
    level = lambda s: (2 * s * K + student * n) // (2 * student * n)
    path = [[level(a * (n - j) + b * j) for a, b in zip(start, end)] for j in range(n + 1)]
    z, earlier = [list(x) for x in z], None
    for j in range(n):
        now, then = path[j], path[j + 1]
        shown = [[alpha(stabilization) * v for v in x] if k == 0 else x for x, k in zip(z, now)]
        x0 = estimate(shown, [stabilization if k == 0 else k for k in now])
        for t, (k, s) in enumerate(zip(now, then)):
            if k == s:
                continue
            d = x0[t]
            if solver == "dpm-2m" and earlier is not None and s > 0:
                r = (lam(k) - lam(path[j - 1][t])) / (lam(s) - lam(k))
                d = [(1 + 1 / (2 * r)) * new - 1 / (2 * r) * old for new, old in zip(x0[t], earlier[t])]
            if s == 0:
                z[t] = list(d)
            else:
                grown = exp(lam(s)) - exp(lam(k))
                z[t] = [sigma(s) / sigma(k) * v + sigma(s) * grown * c for v, c in zip(z[t], d)]
        earlier = x0
    return z


cases = []
for solver in ["ddim", "dpm-2m"]:
    for student, n, start, end in [(1, 4, [1, 1, 1], [0, 0, 0]), (2, 3, [2, 2, 2], [1, 2, 2]), (4, 2, [0, 1, 2], [0, 0, 1])]:
        z = [[sin(1 + 3 * t + i) for i in range(WIDTH)] for t in range(3)]
        after = walk(z, start, end, student, n, solver, 10)
        level = lambda s: (2 * s * K + student) // (2 * student)
        x0 = []
        for z_t, z_s, a, b in zip(z, after, start, end):
            k, s = level(a), level(b)
            ratio = sigma(s) / sigma(k) if a != b else 0.0
            scale = alpha(s) - ratio * alpha(k)
            x0.append([(v - ratio * u) / scale for u, v in zip(z_t, z_s)] if a != b else [0.0] * WIDTH)
        cases.append({"solver": solver, "steps": student, "teacher_steps": n, "start": start, "end": end, "x0": x0})

with open("distillation.json", "w") as file:
    json.dump(cases, file)
    file.write("\n")
