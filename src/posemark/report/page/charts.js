// The charts of all shown entries: accuracy against speed, cost, stages, devices.

const STEPS = [1, 1.5, 2, 3, 5, 7, 10, 15, 20, 30, 50];

// Entries with a mark in the chosen view of the chart of accuracy against speed.
function plotted() {
  const view = value("view") ?? "combined";
  const fits = (entry) => view === "combined" || entry.approach === view;
  return shown().filter((entry) => fits(entry) && !missing(entry));
}

// Why an entry cannot have a mark; "" where it can.
function missing(entry) {
  if (entry.absent) return entry.absent;
  return speed(entry) ? "" : "too few frames, or the same number of people in all of them";
}

function mark(entry) {
  const at = entry.at[value("people")];
  const label = entry.label + (at?.beyond ? "†" : "");
  const own = { ...entry.mark, id: entry.id, colour: entry.colour, label };
  own.beyond = Boolean(at?.beyond);
  own.chosen = chosen.includes(entry.id);
  if (!at) return own;
  const words = `${at.text}; as measured ${own.fps_text}`;
  return { ...own, fps: at.fps, fps_low: null, fps_high: null, fps_text: words };
}

function stepped(marks, origin) {
  return report.fronts.flatMap((front) => {
    const own = marks.filter((each) => report.entries[each.id].front === front);
    if (!own.length) return [];
    const corners = stairs(pareto(own.map((each) => [each.ap, each.fps])), origin);
    return corners.map(([x, y], order) => ({ front, order, front_ap: x, front_fps: y }));
  });
}

// The x of marks without any AP, in pixels from the left edge, as in report/speed_strip.py.
function lanes(heights) {
  const { lanes: places, apart } = report.strip;
  const lowest = places.map(() => -Infinity);
  const found = heights.map(() => 0);
  const order = heights.map((_, at) => at).sort((a, b) => heights[a] - heights[b]);
  for (const at of order) {
    const free = lowest.findIndex((last) => heights[at] - last >= apart);
    const lane = free < 0 ? lowest.indexOf(Math.min(...lowest)) : free;
    lowest[lane] = heights[at];
    found[at] = places[lane];
  }
  return found;
}

// Sets `at`, the place along the AP axis, of every mark. x, y: the axes of a plot of this size.
// Returns the data of the strip beside the axis.
function placed(marks, x, y, { width, height }) {
  const unknown = marks.filter((each) => each.ap === null);
  const left = unknown.length ? report.strip.width : 0;
  const [low, high] = x.scale.domain;
  const [bottom, top] = y.scale.domain;
  const along = y.scale.type === "log" ? Math.log : (value) => value;
  const share = (fps) => (along(fps) - along(bottom)) / (along(top) - along(bottom));
  const beside = lanes(unknown.map((each) => (1 - share(each.fps)) * height));
  x.scale.range = [left, width];
  for (const each of marks) each.at = each.ap;
  unknown.forEach((each, at) => {
    each.at = low + ((beside[at] - left) * (high - low)) / (width - left);
  });
  return left ? [{ edge: left, middle: left / 2, name: report.strip.label }] : [];
}

// The values that an axis must include: figures, and the ends of their intervals.
function extent(marks, name) {
  const found = marks.flatMap((each) => [each[name], each[`${name}_low`], each[`${name}_high`]]);
  return found.filter((each) => each !== null);
}

function apAxis(found) {
  const [low, high] = found.length ? [Math.min(...found), Math.max(...found)] : [0, 100];
  const room = Math.max(0.08 * (high - low), 1.5);
  const domain = [Math.max(low - room, 0), Math.min(high + room, 100)];
  const scale = { type: "linear", domain, nice: false, zero: false };
  return { scale, axis: { title: "AP in points, more accurate →", tickCount: 7 } };
}

function speedTitle() {
  const people = value("people");
  const words = { 1: " with 1 person", 5: " with 5 people", 20: " with 20 people" };
  return `pose FPS${words[people] ?? ""}, faster →`;
}

async function drawApFps() {
  const width = widthOf("ap-fps");
  const marks = plotted().map(mark);
  if (!marks.length) return clear("ap-fps");
  const narrow = width < NARROW;
  const spec = template(narrow ? "ap_fps_narrow" : "ap_fps");
  const x = apAxis(extent(marks, "ap"));
  const y = axis(extent(marks, "fps"), isLog(), speedTitle());
  const fronts = stepped(marks, [x.scale.domain[0], y.scale.domain[0]]);
  const size = narrow ? { width: width - 66, height: 330 } : { width: width - 285, height: 480 };
  Object.assign(spec, size);
  const strip = placed(marks, x, y, spec);
  layerOf(spec, "strip").data = { values: strip };
  const { color } = layerOf(spec, "fill").encoding;
  const fills = color.scale.domain.filter((each) => strip.length || each !== report.strip.fill);
  setLegend(color, new Set(fills));
  setAxis(spec, "x", x);
  setAxis(spec, "y", y);
  spec.data = { values: marks };
  layerOf(spec, "fronts").data = { values: fronts };
  setLegend(layerOf(spec, "fronts").encoding.strokeDash, new Set(fronts.map((each) => each.front)));
  const { stroke, fill, shape } = layerOf(spec, "points").encoding;
  const families = new Set(marks.map((each) => each.family));
  for (const encoding of [stroke, fill]) setLegend(encoding, families);
  setLegend(shape, new Set(marks.map((each) => each.boxes)));
  const places = [...AROUND, ...AROUND, ...AROUND];
  return embed("ap-fps", spec, withNames("points", obstacles(marks, fronts), places));
}

// The marks that names avoid; Vega cannot handle layers without any marks here.
function obstacles(marks, fronts) {
  const has = {
    fps_bars_marks: marks.some((each) => each.fps_low !== null),
    ap_bars_marks: marks.some((each) => each.ap_low !== null),
    rings_marks: marks.some((each) => each.doubted),
    chosen_marks: marks.some((each) => each.chosen),
    fronts_pathgroup: fronts.length > 0,
  };
  return ["points_marks", ...Object.keys(has).filter((name) => has[name])];
}

function milliseconds(line, people) {
  return line.base + line.slope * people;
}

// A line in two parts: solid up to the most people of the run, dashed beyond.
function costLines(entry, most) {
  const { line } = entry;
  const seen = Math.min(Math.max(line.most, 1), most);
  const first = isLog() ? 1 : 0;
  const grid = [...new Set([first, ...STEPS.filter((step) => step <= most), seen, most])];
  grid.sort((a, b) => a - b);
  const picked = chosen.includes(entry.id);
  const quiet = chosen.length > 0 && !picked;
  const own = { id: entry.id, name: entry.name, family: entry.mark.family, quiet, picked };
  own.takes = line.takes;
  own.seen = `up to ${line.most} people in a frame of the run`;
  const point = (people, part) => ({ ...own, people, ms: milliseconds(line, people), part });
  return [
    ...grid.filter((people) => people <= seen).map((people) => point(people, "seen")),
    ...grid.filter((people) => people >= seen).map((people) => point(people, "beyond")),
  ].filter((each) => each.ms > 0);
}

async function drawCost() {
  const width = widthOf("cost");
  const lined = shown().filter((entry) => entry.line);
  setText("unfitted", unfitted(shown().filter((entry) => !entry.line)));
  if (!lined.length) return clear("cost");
  const most = Math.max(20, ...lined.map((entry) => entry.line.most));
  const lines = lined.flatMap((entry) => costLines(entry, most));
  const spec = template("cost");
  const x = axis([1, most], isLog(), "people in the frame", { format: "d" });
  x.scale.domain = isLog() ? [1, most] : [0, most];
  const y = axis(lines.map((each) => each.ms), isLog(), "ms per frame", { format: ",~f" });
  setAxis(spec, "x", x);
  setAxis(spec, "y", y);
  const stroke = layerOf(spec, "lines").encoding.stroke;
  setLegend(stroke, new Set(lines.map((each) => each.family)));
  if (stroke.legend) stroke.legend.columns = width < NARROW ? 3 : 8;
  const named = lined.filter((entry) => !chosen.length || chosen.includes(entry.id));
  const ends = named.map((entry) => ({
    id: entry.id, people: most, ms: milliseconds(entry.line, most), label: entry.label,
  }));
  spec.width = width - (width < NARROW ? 110 : 190);
  spec.padding = { left: 4, top: 4, bottom: 4, right: width < NARROW ? 40 : 100 };
  const people = value("people");
  spec.datasets = { lines, ends, wish: people ? [{ people: Number(people) }] : [] };
  const places = ["right", "top-right", "bottom-right"];
  return embed("cost", spec, withNames("ends", [], places, spec.padding.right));
}

function unfitted(entries) {
  if (!entries.length) return "";
  const names = listed(entries.map((entry) => entry.name));
  return `No line: too few frames, or the same number of people in all of them: ${names}.`;
}

function parts(entry, wide) {
  const total = entry.stages.reduce((sum, ms) => sum + ms, 0);
  let start = 0;
  return entry.stages.flatMap((ms, at) => {
    if (!ms) return [];
    const share = ms / total;
    const text = `${digits(ms)} ms (${(100 * share).toFixed(1)}%)`;
    const inside = share > (wide ? 0.08 : 0.14) ? digits(ms) : "";
    const part = { id: entry.id, name: entry.name, stage: report.stages[at], text, inside };
    Object.assign(part, { start, middle: start + share / 2, end: start + share });
    start += share;
    return [part];
  });
}

async function drawStages() {
  const width = widthOf("stages");
  const timed = shown().filter((entry) => entry.stages.some((ms) => ms > 0));
  if (!timed.length) return clear("stages");
  const wide = width >= NARROW;
  const spec = template(wide ? "stages" : "stages_narrow");
  const totals = timed.map((entry) => ({ id: entry.id, name: entry.name, text: entry.total }));
  spec.datasets = { parts: timed.flatMap((entry) => parts(entry, wide)), totals };
  const names = Math.min(300, Math.max(...timed.map((entry) => textWidth(entry.name))));
  spec.width = wide ? width - names - 100 : width - 8;
  const used = new Set(spec.datasets.parts.map((each) => each.stage));
  setLegend(layerOf(spec, "parts").encoding.color, used);
  return embed("stages", spec);
}

// The entries that did the same work on several machines, grouped by that work.
function twins() {
  const found = new Map();
  for (const entry of kept()) {
    if (!speed(entry) || entry.group === null) continue;
    found.set(entry.twin, [...(found.get(entry.twin) ?? []), entry]);
  }
  const several = (own) => new Set(own.map((entry) => entry.machine)).size > 1;
  return [...found.values()].filter(several);
}

async function drawDevices() {
  const pairs = twins();
  document.getElementById("devices-section").hidden = !pairs.length;
  if (!pairs.length) return clear("devices");
  const name = (own) => own[0].work;
  const marks = pairs.flatMap((own) => own.map((entry) => ({
    id: entry.id,
    name: name(own),
    machine: entry.machine,
    fps: speed(entry),
    text: `${digits(speed(entry))} FPS over ${entry.frames}`,
  })));
  const ranges = pairs.map((own) => {
    const found = own.map(speed);
    const [fps, fastest] = [Math.min(...found), Math.max(...found)];
    return { name: name(own), fps, fastest, ratio: `× ${digits(fastest / fps)}` };
  });
  const spec = template("devices");
  setAxis(spec, "x", axis(marks.map((each) => each.fps), true, speedTitle()));
  spec.width = widthOf("devices") - 30;
  spec.datasets = { marks, ranges };
  return embed("devices", spec);
}
