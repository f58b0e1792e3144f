"""Golden losses and gradients of learned policies, read by `policies/src/learned/golden.rs`.

Written from the papers' equations, in double precision. Gradients are central differences of the losses, so that no
derivation is shared with the Rust code. Usage, with any Python that has NumPy: python3 make_learned.py
"""

import json
import math

import numpy as np

ROWS, OBSERVATION, ACTION, GOAL, HIDDEN = 4, 2, 1, 1, (4, 3)
DISCOUNT = 0.9


def sizes(inputs, outputs):
    return [inputs, *HIDDEN, outputs]


class Net:
    """A perceptron with its parameters in one vector: weight [in, out], bias, scale, shift of each layer."""

    def __init__(self, number, inputs, outputs, gelu, norm):
        self.sizes, self.gelu, self.norm = sizes(inputs, outputs), gelu, norm
        pairs = list(zip(self.sizes, self.sizes[1:]))
        count = sum(i * o + o for i, o in pairs) + (sum(2 * o for _, o in pairs[:-1]) if norm else 0)
        self.theta = 0.4 * np.sin(1.3 * np.arange(count) + 0.7 * number + 0.2)

    def __call__(self, *parts, theta=None):
        theta, at = self.theta if theta is None else theta, 0
        x, pairs = np.concatenate(parts, axis=1), list(zip(self.sizes, self.sizes[1:]))
        for layer, (i, o) in enumerate(pairs):
            x = x @ theta[at : at + i * o].reshape(i, o) + theta[at + i * o : at + i * o + o]
            at += i * o + o
            if layer + 1 == len(pairs):
                return x
            if self.gelu:
                x = 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
            else:
                x = np.maximum(x, 0)
            if self.norm:
                x = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-6)
                x = x * theta[at : at + o] + theta[at + o : at + 2 * o]
                at += 2 * o

    def gradient(self, loss):
        """Of loss(theta), of the fourth order."""
        result, h = [], 1e-4
        for k in range(len(self.theta)):

            def at(step):
                theta = self.theta.copy()
                theta[k] += step
                return loss(theta)

            first, second = (at(h) - at(-h)) / (2 * h), (at(2 * h) - at(-2 * h)) / (4 * h)
            result.append((4 * first - second) / 3)
        return result


def wave(function, rows, width, a, b):
    return function(a * np.arange(rows * width) + b).reshape(rows, width)


s = wave(np.cos, ROWS, OBSERVATION, 0.9, 0.0)
s2 = wave(np.cos, ROWS, OBSERVATION, 0.9, 0.3)
a = 0.8 * wave(np.sin, ROWS, ACTION, 1.7, 0.0)
g = wave(np.cos, ROWS, GOAL, 2.1, 0.5)
ga = wave(np.sin, ROWS, GOAL, 2.3, 0.1)
mask = np.array([[1.0], [1.0], [0.0], [1.0]])
reward, reward_goal = 0.5 * wave(np.sin, ROWS, 1, 1.0, 0.4), np.array([[-1.0], [-1.0], [0.0], [-1.0]])


def expectile(tau, side, u):
    return np.mean(np.where(side >= 0, tau, 1 - tau) * u**2)


def awr(actor, inputs, weight):
    return lambda theta: np.mean(0.5 * weight * ((actor(*inputs, theta=theta) - a) ** 2).sum(1, keepdims=True))


cases = {}


def case(name, **losses):
    """losses: name = list of (net, loss), whose sum is reported."""
    cases[name] = {
        key: {"loss": sum(f(net.theta) for net, f in parts), "gradients": [net.gradient(f) for net, f in parts]}
        for key, parts in losses.items()
    }


# Behaviour cloning towards goals.
actor = Net(0, OBSERVATION + GOAL, ACTION, True, False)
case("gcbc", actor=[(actor, awr(actor, (s, ga), np.ones((ROWS, 1))))])

# TD3+BC, without noise; the target networks are 4 and 5, the target policy 6.
actor, aim = (Net(k, OBSERVATION, ACTION, False, False) for k in (0, 6))
q1, q2, t1, t2 = (Net(k, OBSERVATION + ACTION, 1, False, False) for k in (2, 3, 4, 5))
a2 = np.tanh(aim(s2))
y = reward + DISCOUNT * mask * np.minimum(t1(s2, a2), t2(s2, a2))
scale = 2.5 / np.abs(q1(s, np.tanh(actor(s)))).mean()


def td3(theta):
    pi = np.tanh(actor(s, theta=theta))
    return -scale * q1(s, pi).mean() + ((pi - a) ** 2).mean()


def towards(net, inputs, y):
    return net, lambda theta: np.mean((net(*inputs, theta=theta) - y) ** 2)


case("td3-bc", critic=[towards(q1, (s, a), y), towards(q2, (s, a), y)], actor=[(actor, td3)])

# IQL: expectile 0.7, beta 3.
actor, v = Net(0, OBSERVATION, ACTION, False, False), Net(1, OBSERVATION, 1, False, False)
y = reward + DISCOUNT * mask * v(s2)
q = np.minimum(t1(s, a), t2(s, a))
case(
    "iql",
    value=[(v, lambda theta: expectile(0.7, q - v(s, theta=theta), q - v(s, theta=theta)))],
    critic=[towards(q1, (s, a), y), towards(q2, (s, a), y)],
    actor=[(actor, awr(actor, (s,), np.minimum(np.exp(3 * (q - v(s))), 100)))],
)

# GCIVL: expectile 0.9, alpha 10; values 1 and 2, targets 4 and 5.
actor = Net(0, OBSERVATION + GOAL, ACTION, True, False)
v1, v2, t1, t2 = (Net(k, OBSERVATION + GOAL, 1, True, True) for k in (1, 2, 4, 5))
n1, n2 = t1(s2, g), t2(s2, g)
side = reward_goal + DISCOUNT * mask * np.minimum(n1, n2) - (t1(s, g) + t2(s, g)) / 2


def own(net, following):
    y = reward_goal + DISCOUNT * mask * following
    return net, lambda theta: expectile(0.9, side, y - net(s, g, theta=theta))


advantage = (v1(s2, ga) + v2(s2, ga)) / 2 - (v1(s, ga) + v2(s, ga)) / 2
case(
    "gcivl",
    value=[own(v1, n1), own(v2, n2)],
    actor=[(actor, awr(actor, (s, ga), np.minimum(np.exp(10 * advantage), 100)))],
)

# GCIQL: expectile 0.9, DDPG+BC of alpha 0.3; value 1, critics 2 and 3, targets 4 and 5.
v = Net(1, OBSERVATION + GOAL, 1, True, True)
q1, q2, t1, t2 = (Net(k, OBSERVATION + GOAL + ACTION, 1, True, True) for k in (2, 3, 4, 5))
y = reward_goal + DISCOUNT * mask * v(s2, g)
q = np.minimum(t1(s, g, a), t2(s, g, a))


def lower(theta):
    held = np.clip(actor(s, ga, theta=theta), -1, 1)
    return np.minimum(q1(s, ga, held), q2(s, ga, held))


scale = np.abs(lower(actor.theta)).mean() + 1e-6
cloning = awr(actor, (s, ga), np.ones((ROWS, 1)))
case(
    "gciql",
    value=[(v, lambda theta: expectile(0.9, q - v(s, g, theta=theta), q - v(s, g, theta=theta)))],
    critic=[towards(q1, (s, g, a), y), towards(q2, (s, g, a), y)],
    actor=[(actor, lambda theta: -lower(theta).mean() / scale + 0.3 * cloning(theta))],
)


def rounded(x):
    if isinstance(x, dict):
        return {key: rounded(value) for key, value in x.items()}
    return [rounded(value) for value in x] if isinstance(x, list) else float(f"{float(x):.7g}")


with open("learned.json", "w") as file:
    json.dump(rounded(cases), file, separators=(",", ":"))
    file.write("\n")
