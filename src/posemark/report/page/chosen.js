// The entries that the reader compares: their cards, latency, course of the run and accuracy.

function digits(number) {
  const size = Math.abs(number);
  const decimals = size >= 99.95 ? 0 : size >= 9.995 ? 1 : size > 0 && size < 0.0995 ? 3 : 2;
  const exactly = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
  return number.toLocaleString("en", exactly);
}

function element(tag, text = "", kind = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

function setText(id, text) {
  const place = document.getElementById(id);
  place.textContent = text;
  place.hidden = !text;
}

function verdict(entry) {
  const kind = entry.filters.verdict;
  return element("span", kind, kind === "valid" ? "verdict" : "verdict doubted");
}

function list(pairs) {
  const made = element("dl");
  for (const [what, text] of pairs) {
    const name = element("dt", what);
    name.title = report.terms[what] ?? "";
    made.append(name, element("dd", text));
  }
  return made;
}

function more(title, content) {
  const made = element("details");
  made.append(element("summary", title), content);
  return made;
}

function card(entry) {
  const made = element("article", "", "card");
  made.style.setProperty("--own", chosenColour(entry));
  const head = element("h3", entry.name);
  head.append(" ", verdict(entry));
  const evidence = element("ul");
  evidence.append(...entry.evidence.map((sentence) => element("li", sentence)));
  made.append(head, list(entry.facts), more("Why this verdict", evidence));
  const hashes = Object.entries(entry.fingerprint);
  if (hashes.length) made.append(more("Fingerprint", list(hashes)));
  return made;
}

function drawCards() {
  const own = compared();
  const picked = chosen.length
    ? `${chosen.length} chosen (${MOST_CHOSEN} at most).`
    : "No entry is chosen: these are the most accurate of the Pareto front.";
  setText("picked", picked);
  document.getElementById("unpick").hidden = !chosen.length;
  document.getElementById("cards").replaceChildren(...own.map(card));
}

// Whether an entry has data for each chart of the compared entries.
const HAS = {
  latency: (entry) => Object.keys(entry.latency).length > 0,
  timeline: (entry) => entry.timeline.length > 1,
  keypoints: (entry) => entry.keypoints,
  sizes: (entry) => entry.sizes,
  groups: (entry) => entry.groups.length > 0,
};

// Shows or hides all sections before any chart is drawn, since they share the width of the page.
function showSections() {
  for (const [id, has] of Object.entries(HAS)) {
    document.getElementById(`${id}-section`).hidden = !compared().some(has);
  }
}

async function drawOwn(id, fill) {
  const own = compared().filter(HAS[id]);
  if (!own.length) return clear(id);
  const spec = template(id);
  fill(spec, own, widthOf(id));
  return embed(id, spec);
}

function bins(entry) {
  const frames = entry.histogram.reduce((sum, [, count]) => sum + count, 0);
  const most = Math.max(...entry.histogram.map(([, count]) => count));
  const own = { name: entry.name, colour: chosenColour(entry) };
  return entry.histogram.map(([bin, count]) => {
    const [low, high] = report.edges[bin];
    const took = `${digits(low)} to ${digits(high)} ms`;
    const words = `${count} (${((100 * count) / frames).toFixed(1)}%)`;
    return { ...own, low, high, share: count / most, took, frames: words };
  });
}

function rules(entry) {
  const known = ["p50", "p95", "p99"].filter((name) => entry.latency[name]);
  return known.map((name, at) => ({
    name: entry.name,
    at: entry.latency[name],
    percentile: `${name} ${digits(entry.latency[name])}`,
    line: 1 + 12 * at,
  }));
}

const PERCENTILE = 90; // width in pixels of the text of a percentile

function drawLatency() {
  return drawOwn("latency", (spec, own, width) => {
    const strips = own.flatMap((entry) => [...bins(entry), ...rules(entry)]);
    const ends = strips.flatMap((each) => [each.low, each.high, each.at]).filter(Boolean);
    const [low, high] = [Math.min(...ends), Math.max(...ends)];
    const room = (high / low) ** (PERCENTILE / (width - PERCENTILE));
    const domain = [low, high * room];
    spec.datasets = { strips };
    spec.facet.row.sort = own.map((entry) => entry.name);
    spec.spec.width = width - 20;
    const x = spec.spec.layer[0].encoding.x;
    for (const layer of spec.spec.layer) {
      layer.encoding.x.scale = { type: "log", domain, nice: false };
      layer.encoding.x.axis = { ...x.axis, values: ticks(...domain) };
    }
  });
}

function median(found) {
  const order = [...found].sort((a, b) => a - b);
  return order[Math.floor(order.length / 2)];
}

function course(entry) {
  const own = { name: entry.name, colour: chosenColour(entry) };
  const usual = median(entry.timeline.map(([, fps]) => fps));
  const fixed = median(entry.timeline.map(([, , ms]) => ms));
  return entry.timeline.flatMap(([seconds, fps, ms]) => [
    { ...own, seconds, what: "this entry", share: fps / usual - 1, text: `${digits(fps)} FPS` },
    { ...own, seconds, what: "fixed workload", share: fixed / ms - 1, text: `${digits(ms)} ms` },
  ]);
}

function drawTimeline() {
  return drawOwn("timeline", (spec, own, width) => {
    spec.datasets = { strips: own.flatMap(course) };
    spec.facet.row.sort = own.map((entry) => entry.name);
    spec.spec.width = width - 70;
  });
}

function dot(entry, field, row, value, side, text) {
  return { name: entry.name, colour: chosenColour(entry), [field]: row, value, side, text };
}

function joints(entry) {
  return Object.entries(entry.keypoints).map(([name, value]) => {
    const [, side, part] = /^(left|right)?_?(.*)$/.exec(name);
    const words = `${name.replace("_", " ")} ${value.toFixed(3)}`;
    return dot(entry, "part", part, value, side ?? "", words);
  });
}

function spans(dots) {
  const lefts = dots.filter((each) => each.side === "left");
  return lefts.flatMap((left) => {
    const same = (each) => each.part === left.part && each.name === left.name;
    const right = dots.find((each) => each.side === "right" && same(each));
    return right ? [{ ...left, end: right.value }] : [];
  });
}

function drawKeypoints() {
  return drawOwn("keypoints", (spec, own, width) => {
    const dots = own.flatMap(joints);
    spec.datasets = { dots, ranges: spans(dots) };
    for (const layer of spec.layer) layer.encoding.y.sort = dots.map((each) => each.part);
    spec.width = width - 90;
  });
}

function sizes(entry) {
  return Object.entries(entry.sizes).map(([size, ap]) =>
    dot(entry, "size", size, 100 * ap, "", `AP ${(100 * ap).toFixed(1)}`),
  );
}

function drawSizes() {
  return drawOwn("sizes", (spec, own, width) => {
    spec.datasets = { dots: own.flatMap(sizes) };
    spec.width = width - 120;
  });
}

// The label of a group; with its number of people, if that is the same for all compared entries.
function groupLabel(name, own) {
  const found = own.flatMap((entry) => entry.groups).filter((group) => group.name === name);
  const counts = new Set(found.map((group) => group.people));
  return counts.size === 1 ? `${name} (${[...counts][0].toLocaleString("en")})` : name;
}

function drawGroups() {
  return drawOwn("groups", (spec, own, width) => {
    const dots = own.flatMap((entry) => entry.groups.map(({ name, people, recall }) => {
      const words = `AR ${(100 * recall).toFixed(1)} over ${people.toLocaleString("en")} people`;
      return dot(entry, "group", groupLabel(name, own), 100 * recall, "", words);
    }));
    const order = report.groups.map((name) => groupLabel(name, own));
    for (const layer of spec.layer) layer.encoding.y.sort = order;
    spec.datasets = { dots };
    spec.width = width - 160;
  });
}
