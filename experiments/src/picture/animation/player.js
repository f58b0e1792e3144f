"use strict";
const episode = JSON.parse(document.getElementById("episode").textContent);
const element = (id) => document.getElementById(id);
const view = element("view"), strip = element("levels"), scrubber = element("scrubber");
const dark = matchMedia("(prefers-color-scheme: dark)");
const STEP_S = 1 / 30, ROW_S = 1 / 12, LAST_ROW_S = 0.6, STRIP_PX = 44;
const lastStep = Math.max(episode.path.length - 1, 0);
// The colours span the episode, or the first plan where that is longer.
const firstPlan = episode.plans[0];
const timeEnd = Math.max(lastStep, firstPlan ? firstPlan.first_step + firstPlan.path.length : 0);

// The timeline: one item per environment step, and in denoising mode the rows of a plan before its step.
let timeline = [], at = 0, playing = false, elapsed = 0, before = null;

function planAt(step) {
  let found = -1;
  episode.plans.forEach((plan, index) => { if (plan.first_step <= step) found = index; });
  return found;
}

function buildTimeline(withRows) {
  timeline = [];
  for (let step = 0; step <= lastStep; step++) {
    const index = planAt(step), plan = episode.plans[index];
    if (withRows && plan && plan.first_step === step) {
      plan.history.forEach((_, row) => {
        const last = row === plan.history.length - 1;
        timeline.push({ step, plan: index, row, seconds: last ? LAST_ROW_S : ROW_S });
      });
    }
    timeline.push({ step, plan: index, row: -1, seconds: STEP_S });
  }
  scrubber.max = timeline.length - 1;
}

// Colours of time. Either end of the ramp is too faint on one of the grounds and is left out there.
function timeColour(step, alpha) {
  const [low, high] = dark.matches ? [0.22, 1] : [0, 0.9];
  const share = low + (high - low) * Math.min(Math.max(step / Math.max(timeEnd, 1), 0), 1);
  const position = share * (episode.ramp.length - 1);
  const below = Math.min(Math.floor(position), episode.ramp.length - 2), weight = position - below;
  const channel = (c) => Math.round(episode.ramp[below][c] * (1 - weight) + episode.ramp[below + 1][c] * weight);
  return `rgba(${channel(0)},${channel(1)},${channel(2)},${alpha})`;
}

const variable = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function sized(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

function draw() {
  const item = timeline[at] || { step: 0, plan: -1, row: -1 };
  const [x0, y0, x1, y1] = episode.bounds;
  const room = element("view").parentElement.clientWidth;
  const scale = Math.min(room / (x1 - x0), Math.max(window.innerHeight - 360, 260) / (y1 - y0));
  const context = sized(view, (x1 - x0) * scale, (y1 - y0) * scale);
  const place = ([x, y]) => [(x - x0) * scale, (y1 - y) * scale];
  const disc = (point, radius) => {
    context.beginPath();
    context.arc(...place(point), radius, 0, 2 * Math.PI);
  };

  context.fillStyle = variable("--wall");
  context.beginPath();
  for (const [left, low, right, high] of episode.walls) {
    const [x, y] = place([left, high]);
    // Half a pixel more on each side closes the seams between cells.
    context.rect(x - 0.25, y - 0.25, (right - left) * scale + 0.5, (high - low) * scale + 0.5);
  }
  context.fill();

  if (episode.goal) {
    const goal = variable("--goal"), [x, y] = place(episode.goal), arm = 6;
    disc(episode.goal, episode.goal_radius * scale);
    context.globalAlpha = 0.13;
    context.fillStyle = goal;
    context.fill();
    context.globalAlpha = 1;
    context.strokeStyle = goal;
    context.lineWidth = 1.2;
    context.setLineDash([4, 3]);
    context.stroke();
    context.setLineDash([]);
    context.lineWidth = 2;
    context.beginPath();
    context.moveTo(x - arm, y - arm); context.lineTo(x + arm, y + arm);
    context.moveTo(x - arm, y + arm); context.lineTo(x + arm, y - arm);
    context.stroke();
  }

  context.lineWidth = 3;
  context.lineCap = "round";
  for (let step = 1; step <= item.step; step++) {
    const from = episode.path[step - 1], to = episode.path[step];
    if (!from || !to) continue;
    context.strokeStyle = timeColour(step, 1);
    context.beginPath();
    context.moveTo(...place(from)); context.lineTo(...place(to));
    context.stroke();
  }

  const plan = episode.plans[item.plan];
  const row = plan && item.row >= 0 ? plan.history[item.row] : null;
  if (row) {
    for (let frame = row.path.length - 1; frame >= 0; frame--) {
      if (!row.path[frame]) continue;
      const noise = (row.level[frame] || 0);
      context.fillStyle = timeColour(plan.first_step + 1 + frame, 1 - 0.75 * Math.min(noise, 1));
      disc(row.path[frame], 3);
      context.fill();
    }
  } else if (plan) {
    let last = null;
    context.strokeStyle = variable("--ground");
    context.lineWidth = 1;
    // What was planned for steps already taken is history: the trail shows what came of it.
    for (let frame = Math.max(item.step - plan.first_step, 0); frame < plan.path.length; frame++) {
      if (!plan.path[frame]) continue;
      const [x, y] = place(plan.path[frame]);
      if (last && Math.hypot(x - last[0], y - last[1]) < 8 && frame < plan.path.length - 1) continue;
      last = [x, y];
      context.fillStyle = timeColour(plan.first_step + 1 + frame, 1);
      disc(plan.path[frame], 3.6);
      context.fill();
      context.stroke();
    }
  }

  const ball = episode.path[item.step];
  if (ball) {
    disc(ball, Math.max(episode.ball_radius * scale, 5));
    context.fillStyle = variable("--ink");
    context.fill();
    context.strokeStyle = variable("--ground");
    context.lineWidth = 1.5;
    context.stroke();
  }
  drawLevels(plan, row, (x1 - x0) * scale);
  describe(item, plan, row);
}

function drawLevels(plan, row, width) {
  const shown = element("denoise").checked;
  strip.style.display = shown ? "block" : "none";
  if (!shown) return;
  const context = sized(strip, width, STRIP_PX + 18);
  context.fillStyle = variable("--muted");
  context.font = "12px system-ui, 'DejaVu Sans', sans-serif";
  context.textBaseline = "bottom";
  context.fillText("noise level of each planned token, next step first", 0, STRIP_PX + 18);
  context.fillRect(0, STRIP_PX, width, 1);
  if (!row) return;
  const bar = width / Math.max(row.level.length, 1);
  row.level.forEach((level, token) => {
    const height = STRIP_PX * Math.min(level, 1);
    context.fillStyle = timeColour(plan.first_step + 1 + token, 1);
    context.fillRect(token * bar, STRIP_PX - height, bar >= 3 ? bar - 1 : bar + 0.2, height);
  });
}

function describe(item, plan, row) {
  element("step").textContent = `${item.step} of ${lastStep}`;
  const total = episode.returns[Math.min(item.step, episode.returns.length - 1)] || 0;
  element("return").textContent = Number.isInteger(total) ? `${total}` : total.toFixed(2);
  element("plan").textContent = plan
    ? `${item.plan + 1} of ${episode.plans.length}, made at step ${plan.first_step}` : "none";
  element("detail-name").textContent = row ? "denoising" : "planning";
  element("detail").textContent = !plan ? "" : row
    ? `row ${row.row} of ${plan.history[plan.history.length - 1].row}`
    : `${plan.rows} rows, ${(plan.took_ms || 0).toFixed(0)} ms`;
  scrubber.value = at;
  scrubber.setAttribute("aria-valuetext", `step ${item.step} of ${lastStep}`);
  element("play").textContent = playing ? "Pause" : "Play";
}

function go(to) {
  at = Math.min(Math.max(to, 0), timeline.length - 1);
  elapsed = 0;
  draw();
}

function setPlaying(on) {
  if (on && at >= timeline.length - 1) at = 0;
  playing = on;
  before = null;
  draw();
  if (on) requestAnimationFrame(tick);
}

function tick(now) {
  if (!playing) return;
  // A tab that was hidden comes back with a huge gap; a tenth of a second is the most a frame may cover.
  elapsed += before === null ? 0 : Math.min((now - before) / 1000, 0.1) * Number(element("speed").value);
  before = now;
  let moved = false;
  while (at < timeline.length - 1 && elapsed >= timeline[at].seconds) {
    elapsed -= timeline[at].seconds;
    at += 1;
    moved = true;
  }
  if (at >= timeline.length - 1) playing = false;
  if (moved || !playing) draw();
  if (playing) requestAnimationFrame(tick);
}

function setDenoising(on) {
  const step = (timeline[at] || { step: 0 }).step;
  element("denoise").checked = on;
  buildTimeline(on);
  go(timeline.findIndex((item) => item.step === step));
}

function changeSpeed(by) {
  const speed = element("speed");
  speed.selectedIndex = Math.min(Math.max(speed.selectedIndex + by, 0), speed.options.length - 1);
}

element("play").addEventListener("click", () => setPlaying(!playing));
element("back").addEventListener("click", () => go(at - 1));
element("forward").addEventListener("click", () => go(at + 1));
element("denoise").addEventListener("change", (event) => setDenoising(event.target.checked));
scrubber.addEventListener("input", () => go(Number(scrubber.value)));
window.addEventListener("resize", draw);
dark.addEventListener("change", draw);
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "SELECT") return;
  // Buttons and the checkbox keep their own space key; pressing it there must not act twice.
  const onButton = event.target.tagName === "BUTTON" || event.target.type === "checkbox";
  const keys = {
    " ": onButton ? null : () => setPlaying(!playing),
    ArrowLeft: () => go(at - (event.shiftKey ? 10 : 1)),
    ArrowRight: () => go(at + (event.shiftKey ? 10 : 1)),
    Home: () => go(0),
    End: () => go(timeline.length - 1),
    "[": () => changeSpeed(-1),
    "]": () => changeSpeed(1),
    d: () => { if (hasHistory) setDenoising(!element("denoise").checked); },
  };
  const act = keys[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

const hasHistory = episode.plans.some((plan) => plan.history.length > 0);
element("denoise-label").style.display = hasHistory ? "" : "none";
const wanted = new URLSearchParams(location.hash.slice(1));
setDenoising(hasHistory && wanted.has("row"));
if (wanted.has("step")) {
  const step = Number(wanted.get("step")), row = wanted.has("row") ? Number(wanted.get("row")) : -1;
  go(timeline.findIndex((item) => item.step === step && item.row === row));
} else if (!matchMedia("(prefers-reduced-motion: reduce)").matches) {
  setPlaying(true);
}
