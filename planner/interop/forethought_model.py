"""A checkpoint of forethought's in Python: its network, what its answers mean, and plans sampled with it.

    model = Forethought("checkpoint")             # a folder; formats 2 and 3, kinds `transformer` and `reference`
    x0 = model.denoise(x, level, chunks, goal)    # [tokens, width], [tokens, parts]: the clean estimate of one sequence
    frames = model.plan(observation, goal, noise) # noise [chunks, width]: actions and observations in their own units

    python forethought_model.py FOLDER            # holds both against what the checkpoint's own program computed

With PyTorch it is an `nn.Module` whose parameters can be trained further; without, everything works on NumPy. Sizes and
symbols are those of `planner/CHECKPOINTS.md`: tokens `[state, goal, chunk 1 ..]`, levels from 1 (nearly clean) to K. One
sequence at a time, in 64 bits: this is to be read, and to hold ports against; it is not fast. There is no guidance and no
choice between plans here.
"""

import json
import math
import pathlib
import sys

import numpy as np

try:
    import torch as xp

    Base = xp.nn.Module
    erf = xp.special.erf
except ImportError:
    xp, Base = np, object
    erf = np.vectorize(math.erf, otypes=[float])

STATE, GOAL, FIRST_CHUNK = 0, 1, 2
HIDDEN = -1e9


def array(values):
    return xp.asarray(np.ascontiguousarray(values, dtype=np.float64))


def read_safetensors(path):
    """Eight bytes of length, a JSON header, numbers."""
    data = pathlib.Path(path).read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    kinds = {"F32": "<f4", "F16": "<f2"}
    header = {name: at for name, at in json.loads(data[8:start]).items() if name != "__metadata__"}
    return {
        name: np.frombuffer(data[start:][slice(*at["data_offsets"])], kinds[at["dtype"]]).reshape(at["shape"])
        for name, at in header.items()
    }


class Schedule:
    """Signal power `abar` of levels 0 to K."""

    def __init__(self, kind, levels):
        u = np.arange(levels + 1) / levels
        sigmoid = lambda v: 1 / (1 + np.exp(-v))
        raw = {
            "linear": lambda: np.exp(-1000 * (1e-4 * u + 0.5 * (0.02 - 1e-4) * u**2)),
            "cosine": lambda: np.cos((u + 0.008) / 1.008 * np.pi / 2) ** 2 / np.cos(0.008 / 1.008 * np.pi / 2) ** 2,
            "sigmoid": lambda: (sigmoid(3) - sigmoid(u * 6 - 3)) / (sigmoid(3) - sigmoid(-3)),
            "ddpm": lambda: np.concatenate(
                ([1.0], np.cumprod(1 - np.minimum(np.linspace(0.1 / levels, 20 / levels, levels), 0.999)))
            ),
        }[kind]()
        floor = max(raw[-1], 1e-5)
        self.abar = floor + (raw - raw[-1]) * (1 - floor) / (raw[0] - raw[-1])
        self.levels = levels

    def training_level(self, s, steps):
        return (s * self.levels + steps // 2) // steps


class Forethought(Base):
    def __init__(self, folder):
        super().__init__()
        folder = pathlib.Path(folder)
        self.manifest = manifest = json.loads((folder / "manifest.json").read_text())
        self.model, self.layout, self.network = manifest["model"], manifest["layout"], manifest["model"]["network"]
        self.o, self.a = self.layout["observation"], self.layout["action"]
        self.frame = self.a + self.o + int(self.layout["reward"])
        self.f = self.layout["frames_per_token"]
        self.width, self.blocks = self.frame * self.f, self.layout.get("level_blocks", 0)
        self.parts = max(2 * self.blocks, 1)
        self.schedule = Schedule(self.model["schedule"], self.model["levels"])
        self.dynamics = {name: np.array(values) for name, values in (manifest.get("dynamics") or {}).items()}
        self.own = {}
        for name, values in read_safetensors(folder / "model.safetensors").items():
            values = array(values)
            if Base is not object:
                # Dots are not for the names of parameters.
                values = xp.nn.Parameter(values)
                self.register_parameter(name.replace(".", "__"), values)
            self.own[name] = values

    # ---- layout

    def frames_of(self, block):
        first = lambda n: -(-n * self.f // max(self.blocks, 1))
        return range(first(block), first(block + 1))

    def slots(self, block):
        """Observation slots of a block, frame by frame."""
        return [i * self.frame + self.a + j for i in self.frames_of(block) for j in range(self.o)]

    def part_of_slots(self):
        block = lambda i: i * self.blocks // self.f
        return [
            0 if self.blocks == 0 else 2 * block(s // self.frame) + int(s % self.frame >= self.a)
            for s in range(self.width)
        ]

    def last(self):
        """Slot of the observation with which a token ends."""
        return (self.f - 1) * self.frame + self.a

    # ---- what a token's levels make of it (planner/src/preconditioning.rs)

    def terms(self, t, told):
        abar = self.schedule.abar[told[:-1] if self.blocks else told]
        of = np.array(self.part_of_slots())
        signal = abar[of]
        target = self.model["target"]
        on_x = {"noise": 1 / np.sqrt(signal), "v": np.sqrt(signal)}.get(target, np.zeros(self.width))
        scale = {"noise": -np.sqrt(1 - signal) / np.sqrt(signal), "v": -np.sqrt(1 - signal)}.get(target, np.ones(self.width))
        spread = np.ones(self.width)
        if self.dynamics:
            for s in range(self.width):
                entry = s % self.frame - self.a
                if 0 <= entry < self.o:
                    spread[s] = self.dynamics["spread"][entry]
        guess_on_x, guess_on_prior = beside(spread, signal)[0], np.zeros(self.width)
        terms = dict(on_x=on_x, scale=scale, guess_on_x=guess_on_x, guess_on_prior=guess_on_prior, steps=[], ends=[])
        if not self.dynamics or self.blocks == 0 or t < FIRST_CHUNK:
            return terms
        d, o = self.dynamics, self.o
        spread = d["spread"]
        terms["before"], open_ = beside(spread, self.schedule.abar[told[-1]])
        _, _, loose = carried(spread, open_, open_, d["passive_variance"][-o:])
        passive = d["passive_transition"].reshape(o, o)
        for block in range(self.blocks):
            decided, signal = abar[2 * block], abar[2 * block + 1]
            mix = lambda name: decided * d[name] + (1 - decided) * d["passive_" + name]
            effect = np.sqrt(decided) * d["effect"].reshape(o, self.a)
            terms["steps"].append((mix("transition").reshape(o, o), effect, mix("drift")))
            strays, power, first = mix("variance").reshape(-1, o), np.eye(o), t == FIRST_CHUNK and block == 0
            for i, frame in enumerate(self.frames_of(block)):
                power = passive @ power
                passed = (power**2) @ open_
                at = slice(frame * self.frame + self.a, frame * self.frame + self.a + o)
                terms["guess_on_x"][at], left = beside(strays[i] + passed, signal)
                terms["guess_on_prior"][at] = 1 - np.sqrt(signal) * terms["guess_on_x"][at]
                if self.model["target"] == "residual":
                    terms["on_x"][at] = 0.0
                    terms["scale"][at] = np.sqrt(strays[i] + (passed if first else (power**2) @ loose))
            open_ = left
            own, alone = beside(spread, signal)
            estimate, noisy, loose = carried(spread, open_, alone, strays[i])
            terms["ends"].append((noisy * own, estimate))
        return terms

    def roll_out(self, step, block, start, x):
        """Where linear dynamics put the frames of a block that begins at `start`."""
        transition, effect, drift = (array(values) for values in step)
        frames = []
        for i in self.frames_of(block):
            start = transition @ start + effect @ x[i * self.frame : i * self.frame + self.a] + drift
            frames.append(start)
        return xp.concatenate(frames)

    def shown(self, t, x, terms):
        """What the network is shown of token `t` of the noisy sequence `x`."""
        if self.blocks == 0:
            return xp.concatenate((x[t], self.fourier(x[t])))
        guess, priors = array(terms["guess_on_x"]) * x[t], []
        if t < FIRST_CHUNK:
            priors = [array(np.zeros(self.f * self.o))]
        else:
            before = x[STATE if t == FIRST_CHUNK else t - 1]
            start = array(terms["before"]) * before[self.last() : self.last() + self.o]
            for block in range(self.blocks):
                priors.append(self.roll_out(terms["steps"][block], block, start, x[t]))
                slots = self.slots(block)
                guess[slots] = guess[slots] + array(terms["guess_on_prior"][slots]) * priors[-1]
                start = guess[slots[-self.o :]]
        return xp.concatenate((x[t], *priors, self.fourier(guess)))

    def fourier(self, token):
        """Sines and cosines of places in the last frame and, as means, in each quarter (planner/src/fourier.rs)."""
        octaves, entries = self.network["fourier_features"], self.network.get("fourier_entries", "condition")
        if octaves == 0:
            return token[:0]
        pairs = [(e, None) for e in (self.layout["condition"] if entries == "condition" else range(self.o))]
        if entries == "bodies":
            bodies = [range(run["start"], run["end"]) for run in self.layout["bodies"]]
            pairs = [(e, None) for body in bodies for e in body]
            for i, body in enumerate(bodies):
                for other in (other for other in bodies[i + 1 :] if len(other) == len(body)):
                    pairs += list(zip(body, other))
        if not pairs:
            return token[:0]
        parts, features = min(4, self.f), []
        groups = [[self.f - 1]] + [range(i * self.f // parts, (i + 1) * self.f // parts) for i in range(parts)]
        for entry, less in pairs:
            for frames in groups:
                mean = lambda e: token[[i * self.frame + self.a + e for i in frames]].mean()
                place = mean(entry) - (0 if less is None else mean(less))
                features += [wave(2.0**n * place) for n in range(octaves) for wave in (xp.sin, xp.cos)]
        return xp.stack(features)

    # ---- the network

    def linear(self, x, name):
        return x @ self.own[name + ".weight"] + self.own[name + ".bias"]

    def norm(self, x, name):
        x = x - x.mean(-1)[..., None]
        return x / xp.sqrt((x**2).mean(-1)[..., None] + 1e-5) * self.own[name + ".gamma"] + self.own[name + ".beta"]

    def attend(self, x, name, mask):
        tokens, width, heads = x.shape[0], x.shape[1], self.network["heads"]
        q, k, v = self.linear(x, name + ".query_key_value").reshape(tokens, 3, heads, -1).swapaxes(0, 2).swapaxes(0, 1)
        scores = q @ k.swapaxes(1, 2) / math.sqrt(width // heads) + mask
        weights = xp.exp(scores - xp.amax(scores, -1)[..., None])
        seen = (weights / weights.sum(-1)[..., None]) @ v
        return self.linear(seen.swapaxes(0, 1).reshape(tokens, width), name + ".projection")

    def transformer(self, shown, told, chunks, visible):
        """Pre-norm blocks, modulated by each token's own levels (planner/src/network/transformer.rs)."""
        tokens = len(shown)
        silu = lambda x: x / (1 + xp.exp(-x))
        gelu = lambda x: 0.5 * x * (1 + erf(x / math.sqrt(2)))
        modulate = lambda x, scale, shift: x * (1 + scale) + shift
        share = told.astype(np.float32) / np.float32(self.schedule.levels)
        powers = np.float32(256) ** (np.arange(32, dtype=np.float32) / np.float32(31))
        angle = (share[..., None] * (np.float32(np.pi) * powers)).astype(np.float64)
        waves = array(np.concatenate((np.sin(angle), np.cos(angle)), -1).reshape(tokens, -1))
        level = silu(self.linear(silu(self.linear(waves, "level.input")), "level.output"))
        left = [0 if t < FIRST_CHUNK else max(FIRST_CHUNK + chunks - t - 1, 0) for t in range(tokens)]
        x = self.linear(shown, "input") + self.own["positions_tw"][:tokens] + self.own["remaining_tw"][left]
        hidden = [[0.0 if visible[s] and (s <= t or not self.network["causal"]) else HIDDEN for s in range(tokens)] for t in range(tokens)]
        modulation, mask = self.linear(level, "modulation"), array(hidden)
        for layer in (f"blocks.{i}" for i in range(self.network["layers"])):
            m = (modulation + self.own[layer + ".offset"]).reshape(tokens, 6, -1).swapaxes(0, 1)
            x = x + self.attend(modulate(self.norm(x, layer + ".attention_norm"), m[0], m[1]), layer, mask) * m[2]
            h = gelu(self.linear(modulate(self.norm(x, layer + ".mlp_norm"), m[3], m[4]), layer + ".expand"))
            x = x + self.linear(h, layer + ".contract") * m[5]
        scale, shift = self.linear(level, "final_modulation").reshape(tokens, 2, -1).swapaxes(0, 1)
        return self.linear(modulate(self.norm(x, "final_norm"), scale, shift), "output")

    def reference(self, shown, told, chunks, visible):
        """The authors' transformer, without a goal token (planner/src/network/reference.rs)."""
        tokens, full = len(shown), 1 + self.layout["chunks"]
        size, causal = self.network["width"], self.network["causal"]
        relu = lambda x: x * (x > 0)

        def waves(of, count):
            ratio = -np.float32(math.log(10000) / (count - 1))
            angle = of.astype(np.float32)[..., None] * np.exp((np.arange(count, dtype=np.float32) * ratio).astype(np.float64)).astype(np.float32)
            return np.concatenate((np.sin(angle.astype(np.float64)), np.cos(angle.astype(np.float64))), -1)

        state = shown[0][self.last() : self.last() + self.o]
        nothing = lambda count: array(np.zeros(count))
        frame = xp.concatenate((nothing(self.a), state, nothing(self.frame - self.a - self.o)))
        first = xp.concatenate([frame] * self.f + [shown[0][self.width :]])
        hidden = lambda t: t >= tokens - 1 or not visible[t + 1] and t > 0
        ahead = tokens - 1 if causal else full
        rows = [first] + [nothing(shown.shape[1]) if hidden(t) else shown[t + 1] for t in range(1, ahead)]
        top = np.full(told.shape[1], self.schedule.levels)
        k = np.stack([told[0]] + [top if hidden(t) else told[t + 1] for t in range(1, ahead)])
        of_level = array(waves(np.maximum(k - 1, 0), size // 4).reshape(ahead, -1))
        x = relu(self.linear(xp.concatenate((xp.stack(rows), of_level), -1), "input"))
        x = self.linear(x, "hidden") + array(waves(np.arange(ahead), size // 2))
        mask = array(np.triu(np.full((ahead, ahead), HIDDEN if causal else 0.0), 1))
        for layer in (f"layers.{i}" for i in range(self.network["layers"])):
            x = self.norm(x + self.attend(x, layer, mask), layer + ".attention_norm")
            x = self.norm(x + self.linear(relu(self.linear(x, layer + ".expand")), layer + ".contract"), layer + ".mlp_norm")
        x = self.linear(x, "output")
        return xp.concatenate((x[:1], x[:1] * 0, x[1 : tokens - 1]))

    # ---- estimates and plans

    def denoise(self, x, level, chunks, goal):
        """Clean estimate of every visible token, `[tokens, width]`; of others nothing is said."""
        x, level = array(x), np.asarray(level)
        visible = [goal if t == GOAL else t < FIRST_CHUNK + chunks for t in range(len(x))]
        told = level
        if self.blocks:
            top = self.schedule.levels
            before = [level[STATE if t == FIRST_CHUNK else t - 1][-1] if t >= FIRST_CHUNK else top for t in range(len(x))]
            told = np.concatenate((level, np.array(before)[:, None]), -1)
        terms = [self.terms(t, told[t]) for t in range(len(x))]
        shown = xp.stack([self.shown(t, x, terms[t]) for t in range(len(x))])
        answer = getattr(self, self.network["kind"])(shown, told, chunks, visible)
        x0, start = [], None
        for t in range(len(x)):
            x0.append(array(terms[t]["on_x"]) * x[t] + array(terms[t]["scale"]) * answer[t])
            if self.model["target"] != "residual" or t < FIRST_CHUNK:
                continue
            if t == FIRST_CHUNK:
                start = array(terms[t]["before"]) * x[STATE][self.last() : self.last() + self.o]
            for block in range(self.blocks):
                slots = self.slots(block)
                prior = self.roll_out(terms[t]["steps"][block], block, start, x[t])
                x0[t][slots] = x0[t][slots] + prior
                on_x, on_x0 = terms[t]["ends"][block]
                end = slots[-self.o :]
                start = array(on_x) * x[t][end] + array(on_x0) * x0[t][end]
        return xp.stack(x0)

    def plan(self, observation, goal, noise, sampler=None):
        """A plan from this noise by the settings in the manifest, without guidance: `(actions, observations)`, frame by frame.

        `observation` and `goal` (or None) are in their own units. Where the layout has `objects`, the thing that is to be moved comes
        first in both, as the network is shown it.
        """
        settings = sampler or self.manifest["plan"]["sampler"]
        if settings.get("schedule", "pyramid") != "pyramid":
            raise ValueError("only pyramids are sampled here")
        of_action, of_observation = (self.manifest["normalizer"][name] for name in ("action", "observation"))
        normal = lambda values, of, entries: (np.asarray(values) - np.array(of["shift"])[entries]) / np.array(of["scale"])[entries]
        known = np.zeros((FIRST_CHUNK, self.width))
        known[STATE, self.last() : self.last() + self.o] = normal(observation, of_observation, list(range(self.o)))
        if goal is not None:
            entries = self.layout["condition"]
            known[GOAL, [self.last() + entry for entry in entries]] = normal(goal, of_observation, entries)
        frames = as_numpy(self.sample(known, noise, goal is not None, settings)).reshape(-1, self.frame)
        unit = lambda values, of: values * np.array(of["scale"]) + np.array(of["shift"])
        return unit(frames[:, : self.a], of_action), unit(frames[:, self.a : self.a + self.o], of_observation)

    def sample(self, known, noise, goal, settings):
        """Clean chunks `[chunks, width]`: rows of a pyramid, DDIM or DPM-Solver++(2M) with a pair of levels for every token."""
        steps, chunks = settings["steps"], len(noise)
        abar = lambda s: self.schedule.abar[self.schedule.training_level(s, steps)]
        late = [int(t * min(settings["uncertainty_scale"], steps)) for t in range(chunks)]
        rows = [[min(max(steps + late[t] - m, 0), steps) for t in range(chunks)] for m in range(steps + late[-1] + 1)]
        low, high = (array(np.tile(self.manifest["limits"][end], self.f)) for end in ("low", "high"))
        stable = settings["stabilization_level"]
        x, estimate, previous = xp.concatenate((array(known), array(noise))), array(np.array(noise, dtype=np.float64)), [None] * chunks
        for now, then in zip(rows, rows[1:]):
            if now == then:
                continue
            levels = [0] * FIRST_CHUNK + now
            told = [stable if s == 0 else self.schedule.training_level(s, steps) for s in levels]
            shown = [x[t] * math.sqrt(self.schedule.abar[stable]) if s == 0 else x[t] for t, s in enumerate(levels)]
            level = np.repeat(np.array(told)[:, None], self.parts, 1)
            x0 = xp.minimum(xp.maximum(self.denoise_detached(xp.stack(shown), level, chunks, goal)[FIRST_CHUNK:], low), high)
            for t in (t for t in range(chunks) if now[t] != then[t]):
                a, b = abar(now[t]), abar(then[t])
                on_x = math.sqrt((1 - b) / (1 - a))
                on_x0, on_last = math.sqrt(b) - on_x * math.sqrt(a), 0.0
                if settings["solver"] == "dpm-2m" and previous[t] is not None and b < 1:
                    half_log = lambda power: 0.5 * math.log(power / (1 - power))
                    ratio = (half_log(b) - half_log(a)) / (half_log(a) - half_log(previous[t]))
                    on_x0, on_last = on_x0 * (1 + 0.5 * ratio), -on_x0 * 0.5 * ratio
                x[FIRST_CHUNK + t] = on_x * x[FIRST_CHUNK + t] + on_x0 * x0[t] + on_last * estimate[t]
                estimate[t], previous[t] = x0[t], a
        return estimate

    def denoise_detached(self, *arguments):
        if Base is object:
            return self.denoise(*arguments)
        with xp.no_grad():
            return self.denoise(*arguments)


def beside(variance, signal):
    """Of a noisy number beside a prior: the posterior mean per unit of it, and the posterior variance."""
    whole = signal * variance + (1 - signal)
    return np.sqrt(signal) * variance / whole, variance * (1 - signal) / whole


def carried(spread, open_, alone, strays):
    """What of a block's end the next one begins from: shares of its estimate and of itself, and the variance left."""
    kept = 1 / (1 + (2 * open_ / spread) ** 2)
    trusted = np.sqrt(alone) / (np.sqrt(alone) + np.sqrt(strays))
    return kept * trusted, kept * (1 - trusted), (1 - kept) ** 2 * spread + (kept * (1 - trusted)) ** 2 * alone


def as_numpy(values):
    return values if isinstance(values, np.ndarray) else values.detach().numpy()


def check(folder):
    """Largest differences from the checkpoint's test vector and from its recorded plan, where it has one."""
    folder, model = pathlib.Path(folder), Forethought(folder)
    vector = json.loads((folder / "test_vector.json").read_text())
    of = lambda name: np.array(vector[name]).reshape(2, vector["tokens"], -1)
    answers = 0.0
    for b, (chunks, goal) in enumerate(zip(vector["chunks"], vector["goal"])):
        x0 = as_numpy(model.denoise_detached(of("x")[b], of("level")[b], chunks, goal))
        planned = slice(FIRST_CHUNK, FIRST_CHUNK + chunks)
        answers = max(answers, np.abs(x0[planned] - of("x0")[b][planned]).max())
    print(f"{'numpy' if xp is np else 'torch'}: the network's answers differ by {answers:.1e} at most")
    recorded = folder / "plan.json"
    if not recorded.exists():
        return answers, 0.0
    plan = json.loads(recorded.read_text())
    noise = np.array(plan["noise"]).reshape(-1, model.width)
    found = model.plan(plan["observation"], plan["goal"], noise, plan["sampler"])
    of = (np.array(plan[name]).reshape(len(values), -1) for name, values in zip(("actions", "observations"), found))
    plans = max(np.abs(values - wanted).max() for values, wanted in zip(found, of))
    print(f"{'numpy' if xp is np else 'torch'}: a plan of {len(noise)} chunks differs by {plans:.1e} at most")
    return answers, plans


if __name__ == "__main__":
    answers, plans = check(sys.argv[1])
    sys.exit(0 if answers < 1e-5 and plans < 1e-4 else 1)
