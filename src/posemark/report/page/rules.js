// Which entries fit the wishes: the rules of report/recommend/answer.py, applied to its figures.

const wishForm = document.getElementById("wishes");
const SLACK = 1e-9;
const RULES = ["comparable", "fps", "ap", "licence", "memory"];
const LEAST_FREE_FIRST = ["non-commercial", "copyleft", "unknown", "permissive"];

function wish(name) {
  const text = value(name, wishForm);
  return text === null || text === "" ? null : Number(text);
}

// fps, people, loss (AP points), memory (bytes): numbers or null; commercial: true or false.
function wishes() {
  const memory = wish("max_memory");
  return {
    fps: wish("min_fps"),
    people: wish("crowd"),
    loss: wish("max_loss"),
    commercial: value("commercial", wishForm) !== null,
    memory: memory === null ? null : memory * 1e6,
  };
}

function fpsFor(row, people) {
  if (people === null) return row.fps;
  if (row.base === null || row.slope === null) return null;
  const milliseconds = row.base + row.slope * people;
  return milliseconds > 0 ? 1000 / milliseconds : null;
}

function bestOf(rows, own) {
  const known = rows.filter((row) => !row.not_comparable && row.ap !== null);
  const peers = known.filter((row) => row.on_truth === own.on_truth);
  return peers.reduce((best, row) => (best === null || row.ap > best.ap ? row : best), null) ?? own;
}

function judge(rows, wanted) {
  return rows.map((row) => {
    const best = bestOf(rows, row);
    const lost = 100 * ((best.ap ?? 0) - (row.ap ?? 0));
    const judged = { row, lost, fps: fpsFor(row, wanted.people), open: {} };
    if (row.not_comparable) return { ...judged, broken: { comparable: row.not_comparable } };
    const open = known({ fps: openSpeed(judged, wanted), ap: openAccuracy(judged, wanted) });
    const broken = known({
      fps: fpsBreaks(judged, wanted),
      ap: apBreaks(judged, wanted),
      licence: wanted.commercial && row.licence !== "permissive" ? row.licence_why : "",
      memory: memoryBreaks(row.memory, wanted.memory),
    });
    for (const rule of Object.keys(open)) delete broken[rule];
    return { ...judged, open, broken };
  });
}

function known(whys) {
  return Object.fromEntries(Object.entries(whys).filter(([, why]) => why));
}

function breaksNothing(each) {
  return !Object.keys(each.broken).length;
}

function fits(each) {
  return breaksNothing(each) && !Object.keys(each.open).length;
}

// Why the wish for speed is undecided; "" where it is decided or was not made.
function openSpeed(judged, wanted) {
  if (wanted.fps === null) return "";
  if (judged.row.unsure) return judged.row.unsure;
  const [low, high] = fpsBounds(judged, wanted.people);
  if (low === null) return judged.row.noise;
  if (low >= wanted.fps || high < wanted.fps) return "";
  return closeSpeed(judged, wanted, low, high);
}

function fpsBounds({ row, fps }, people) {
  if (fps === null) return [null, Infinity];
  if (people === null) {
    const [low, high] = row.fps_interval ?? [null, null];
    return [low, high ?? Infinity];
  }
  if (row.spread === null) return [null, Infinity];
  const [a, b, c] = row.spread;
  const half = Math.sqrt(Math.max(0, a + b * people + c * people ** 2));
  const takes = 1000 / fps;
  return [1000 / (takes + half), takes > half ? 1000 / (takes - half) : Infinity];
}

// The same for the wish for AP: the interval is that of the loss, paired over the images.
function openAccuracy(judged, wanted) {
  if (wanted.loss === null || judged.row.ap === null) return "";
  if (judged.row.loss === null) {
    return `${apWords(judged)}, but over too few images with people to be certain`;
  }
  const [low, high] = judged.row.loss;
  if (low > wanted.loss + SLACK || high <= wanted.loss + SLACK) return "";
  return closeAccuracy(judged, wanted, low, high);
}

function fpsBreaks(judged, wanted) {
  if (judged.fps === null) return wanted.people === null ? NO_TIME : NO_LINE;
  if (wanted.fps === null || judged.fps >= wanted.fps) return "";
  return `${fpsWords(judged, wanted)}, wanted ${wanted.fps}`;
}

function apBreaks(judged, wanted) {
  if (judged.row.ap === null) return judged.row.ap_why;
  if (wanted.loss === null || judged.lost <= wanted.loss + SLACK) return "";
  return `${apWords(judged)}, wanted ${wanted.loss}`;
}

function memoryBreaks(memory, most) {
  if (most === null) return "";
  if (memory === null) return NO_MEMORY;
  return memory <= most ? "" : `${sizeOf(memory)}, wanted ${sizeOf(most)}`;
}

// The list of a row: rows with a valid speed first, and in each part those on annotated boxes last.
function listOf({ row }) {
  return 2 * row.doubted + row.on_truth;
}

function beats(one, other) {
  if (listOf(one) !== listOf(other)) return false;
  const [ap, fps, otherAp, otherFps] = [one.row.ap, one.fps, other.row.ap, other.fps];
  return ap >= otherAp && fps >= otherFps && (ap > otherAp || fps > otherFps);
}

function ranked(judged) {
  const byWorth = (a, b) => b.row.ap - a.row.ap || b.fps - a.fps;
  return judged.filter(fits).sort((a, b) => listOf(a) - listOf(b) || byWorth(a, b));
}

function unbeaten(fitting) {
  return fitting.filter((each) => !fitting.some((other) => beats(other, each)));
}

// For every wish that was made, the wishes without this one.
function lessOne(wanted) {
  const without = {
    fps: ["fps", null],
    ap: ["loss", null],
    licence: ["commercial", false],
    memory: ["memory", null],
  };
  const made = Object.entries(without).filter(([, [name, none]]) => wanted[name] !== none);
  const less = made.map(([rule, [name, none]]) => [rule, { ...wanted, [name]: none }]);
  return Object.fromEntries(less);
}

// The answer: every row as judged; the shortlist; the rows that fit in order, each with the first
// row of the shortlist that beats it (by, or null); the rows gained without each wish; the nearest
// row for each wish (null where nothing is decided).
function recommend(rows, wanted) {
  const judged = judge(rows, wanted);
  const all = ranked(judged);
  const shortlist = unbeaten(all);
  const winner = (each) => shortlist.find((other) => beats(other, each)) ?? null;
  const fitting = all.map((each) => ({ each, by: winner(each) }));
  const gains = Object.entries(lessOne(wanted)).map(([rule, less]) => {
    const relaxed = unbeaten(ranked(judge(rows, less)));
    return [rule, relaxed.filter((each) => !shortlist.some((own) => own.row === each.row))];
  });
  const near = shortlist.length ? {} : nearest(judged, wanted);
  return { judged, shortlist, fitting, gains: Object.fromEntries(gains), nearest: near };
}

// Rows that break no wish, once for every wish that is undecided.
function undecided(judged) {
  const waiting = judged.filter((each) => breaksNothing(each));
  return waiting.flatMap((each) => Object.keys(each.open).map((rule) => ({ each, rule })));
}

// The value of a row under a wish; larger is better, null is unknown.
const WORTH = {
  fps: (each) => each.fps,
  ap: (each) => each.row.ap,
  licence: (each) => LEAST_FREE_FIRST.indexOf(each.row.licence),
  memory: (each) => (each.row.memory === null ? null : -each.row.memory),
};

// Whether a row may be named as nearest to a wish; licence and memory are never noisy.
function isDecided(rule, { row, open }) {
  if (rule !== "fps" && rule !== "ap") return true;
  return !Object.keys(open).length && (rule === "ap" || (!row.unsure && !row.noise));
}

// For each wish, the best of the decided rows that break no other wish, else of all decided rows of
// the group; null where no row is decided.
function nearest(judged, wanted) {
  const group = judged.filter((each) => !each.broken.comparable);
  const found = Object.keys(lessOne(wanted)).map((rule) => {
    const decided = group.filter((each) => isDecided(rule, each));
    if (group.length && !decided.length) return [rule, null];
    const only = decided.filter((each) => Object.keys(each.broken).join() === rule);
    const offered = (only.length ? only : decided).filter((each) => WORTH[rule](each) !== null);
    const better = (top, each) => (top && WORTH[rule](top) >= WORTH[rule](each) ? top : each);
    return [rule, offered.reduce(better, undefined)];
  });
  return Object.fromEntries(found.filter(([, best]) => best !== undefined));
}

// The command that would decide a wish: more time, or more images of the row and of the best. The
// numbers are those of report/missing_evidence.py and score/ap_bootstrap.py.
const MORE = 4;
const FARTHEST = 10;
const FEWEST_IMAGES = 10;

function command({ each, rule }, wanted) {
  if (rule === "fps") return each.row.command;
  const images = imagesFor(each, wanted.loss);
  const limit = images === null ? "" : ` --limit ${images}`;
  return each.row.runs.map((run) => run + limit).join(" && ");
}

function imagesFor({ row, lost }, most) {
  if (row.loss === null) return MORE * Math.max(row.images, FEWEST_IMAGES);
  const [low, high] = row.loss;
  const half = Math.max(lost - low, high - lost);
  const distance = Math.abs(lost - most);
  if (distance * FARTHEST < half) return null;
  return Math.ceil(row.images * Math.max(half / distance, 1) ** 2) + 1;
}
