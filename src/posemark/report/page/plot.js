// Drawing: fronts, axes, names of marks, and the order in which charts are drawn.

// "ast" makes Vega interpret its expressions, so that the policy need not allow eval.
const options = { actions: false, ast: true, renderer: "svg", tooltip: { theme: "custom" } };
const NARROW = 720; // pixels of width below which charts have their narrow form
const views = new Map();

// The points ([x, y]) that no other point beats, by rising x. A point beats another if it is at
// least as large in both coordinates and larger in one.
function pareto(points) {
  const order = [...points].sort((a, b) => b[0] - a[0] || b[1] - a[1]);
  const front = [];
  for (const point of order) {
    if (!front.length || point[1] > front.at(-1)[1]) front.push(point);
  }
  return front.reverse();
}

// The corners of the border of the area that a front beats, down to the lower left of the plot.
function stairs(front, [left, bottom]) {
  const corners = [[left, front[0][1]]];
  for (const [x, y] of front) corners.push([corners.at(-1)[0], y], [x, y]);
  corners.push([front.at(-1)[0], bottom]);
  return corners.filter(([x, y], at) => at === 0 || `${corners[at - 1]}` !== `${[x, y]}`);
}

// Entries on the first kind of front that has any: measured AP without annotated boxes comes first.
function frontOf(entries) {
  for (const kind of report.fronts) {
    const own = entries.filter((entry) => entry.front === kind && speed(entry));
    const best = pareto(own.map((entry) => [entry.mark.ap, speed(entry)]));
    if (!best.length) continue;
    const on = ([x, y]) => own.find((entry) => entry.mark.ap === x && speed(entry) === y);
    return best.map(on).reverse();
  }
  return entries;
}

// FPS as measured, or with the number of people that the reader chose.
function speed(entry) {
  const people = value("people");
  return people ? entry.at[people]?.fps : entry.mark.fps;
}

function isLog() {
  return value("axis") === "log";
}

// Ends, scale and ticks of an axis; 1, 2 and 5 of every decade on a logarithmic one.
function axis(found, log, title, extra = {}) {
  if (log) {
    const low = Math.min(...found) / 1.35;
    const high = Math.max(...found) * 1.35;
    const scale = { type: "log", domain: [low, high], nice: false };
    return { scale, axis: { title: `${title} (log)`, values: ticks(low, high), ...extra } };
  }
  const room = 0.12 * Math.max(...found);
  const scale = { type: "linear", domain: [0, Math.max(...found) + room], nice: false };
  return { scale, axis: { title, tickCount: 6, ...extra } };
}

function ticks(low, high) {
  const digits = high < 8 * low ? [1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9] : [1, 2, 5];
  const found = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power += 1) {
    found.push(...digits.map((digit) => Number(`${digit}e${power}`)));
  }
  return found.filter((tick) => low <= tick && tick <= high);
}

// Sets the same axis in every layer that has this position channel.
function setAxis(spec, channel, { scale, axis: drawn }) {
  for (const layer of spec.layer) {
    const encoding = layer.encoding?.[channel];
    if (encoding?.field) Object.assign(encoding, { scale, axis: { format: ".6~f", ...drawn } });
  }
}

// Reduces a legend to the values that occur among the shown entries.
function setLegend(encoding, held) {
  const { domain, range } = encoding.scale;
  const kept = domain.map((each, at) => [each, range[at]]).filter(([each]) => held.has(each));
  encoding.scale = { domain: kept.map(([each]) => each), range: kept.map(([, look]) => look) };
  if (!kept.length) encoding.legend = null;
}

function template(name) {
  return structuredClone(report.charts[name]);
}

function layerOf(spec, name) {
  return spec.layer.find((layer) => layer.name === name);
}

// Adds names beside the marks of a layer. room: pixels right of the plot that they may use. Vega
// omits names for which it finds no free place.
function withNames(layer, avoid, anchors, room = 0) {
  return (vega) => {
    vega.marks.push({
      type: "text",
      name: "names",
      from: { data: `${layer}_marks` },
      interactive: false,
      encode: {
        enter: {
          text: { field: "datum.label" },
          fill: { value: "currentColor" },
          fontSize: { value: 11.5 },
          fontWeight: { value: 600 },
        },
      },
      transform: [
        {
          type: "label",
          size: { signal: `[width + ${room}, height]` },
          anchor: anchors,
          offset: anchors.map((_, at) => 2 + 6 * Math.floor(at / 8)),
          avoidMarks: avoid,
          padding: 0,
        },
      ],
    });
    return vega;
  };
}

const AROUND = [
  ...["right", "top", "bottom", "top-right"],
  ...["bottom-right", "left", "top-left", "bottom-left"],
];

// Width in pixels available to a chart, whose section must be visible.
function widthOf(id) {
  return document.getElementById(id).parentElement.clientWidth;
}

async function embed(id, spec, patch) {
  views.get(id)?.finalize();
  views.delete(id);
  const place = document.getElementById(id);
  place.style.minHeight = `${place.clientHeight}px`; // the page must not jump meanwhile
  const result = await vegaEmbed(place, spec, patch ? { ...options, patch } : options);
  place.style.minHeight = "";
  views.set(id, result);
  result.view.addEventListener("click", (_, item) => {
    if (Number.isInteger(item?.datum?.id)) toggle(item.datum.id);
  });
}

const ruler = document.createElement("canvas").getContext("2d");

// Width in pixels of a text at font size 12, in the font of the charts.
function textWidth(text) {
  ruler.font = `12px ${report.font}`;
  return ruler.measureText(text).width;
}

function clear(id) {
  views.get(id)?.finalize();
  views.delete(id);
  document.getElementById(id).replaceChildren();
}
