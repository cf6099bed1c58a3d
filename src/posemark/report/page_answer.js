// Which entries fit the wishes: the rules of report/recommend.py on the same figures.

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
  const known = rows.filter((row) => !row.stranger && row.ap !== null);
  const peers = known.filter((row) => row.on_truth === own.on_truth);
  return peers.reduce((best, row) => (best === null || row.ap > best.ap ? row : best), null) ?? own;
}

function judge(rows, wanted) {
  return rows.map((row) => {
    const best = bestOf(rows, row);
    const lost = 100 * ((best.ap ?? 0) - (row.ap ?? 0));
    const judged = { row, best, lost, fps: fpsFor(row, wanted.people) };
    if (row.stranger) return { ...judged, broken: { comparable: row.stranger } };
    const open = openWhy(judged, wanted);
    const { fps: slow, ...rest } = broken(judged, wanted);
    return { ...judged, open, broken: open || !slow ? rest : { fps: slow, ...rest } };
  });
}

// Why the wish for speed is undecided; "" where it is decided, or nobody asked for speed.
function openWhy(judged, wanted) {
  if (wanted.fps === null) return "";
  if (judged.row.unsure) return judged.row.unsure;
  const [low, high] = fpsBounds(judged, wanted.people);
  if (low === null || low >= wanted.fps || high < wanted.fps) return "";
  return `${fpsWords(judged, wanted)}: too close to ${digits(wanted.fps)}`;
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

function broken(judged, wanted) {
  const found = {
    fps: fpsBreaks(judged, wanted),
    ap: apBreaks(judged, wanted),
    licence: wanted.commercial && judged.row.licence !== "permissive" ? judged.row.licence_why : "",
    memory: memoryBreaks(judged.row.memory, wanted.memory),
  };
  return Object.fromEntries(Object.entries(found).filter(([, why]) => why));
}

function fpsBreaks(judged, wanted) {
  if (judged.fps === null) {
    return wanted.people === null ? "no time measured" : "its time over people is not known";
  }
  if (wanted.fps === null || judged.fps >= wanted.fps) return "";
  return `${fpsWords(judged, wanted)}, wanted ${digits(wanted.fps)}`;
}

function fpsWords({ row, fps }, { people }) {
  if (people === null) return `${digits(fps)} FPS`;
  const words = `${digits(fps)} FPS with ${people} ${people === 1 ? "person" : "people"}`;
  if (people <= row.most_people) return words;
  return `${words} (extrapolated: at most ${row.most_people} in a frame of the run)`;
}

function apBreaks(judged, wanted) {
  if (judged.row.ap === null) return judged.row.ap_why;
  if (wanted.loss === null || judged.lost <= wanted.loss + SLACK) return "";
  return `${apWords(judged)}, wanted ${wanted.loss} at most`;
}

function apWords({ row, lost, best }) {
  const words = `AP ${(100 * row.ap).toFixed(1)}`;
  if (lost <= 0) return `${words}, the best`;
  return `${words}, ${lost.toFixed(1)} below the best (${best.entry})`;
}

function memoryBreaks(memory, most) {
  if (most === null) return "";
  if (memory === null) return "memory not measured";
  return memory <= most ? "" : `${megabytes(memory)}, wanted ${megabytes(most)} at most`;
}

function megabytes(bytes) {
  return `${digits(bytes / 1e6)} MB`;
}

function beats(one, other) {
  if (one.row.on_truth !== other.row.on_truth) return false;
  const [ap, fps, otherAp, otherFps] = [one.row.ap, one.fps, other.row.ap, other.fps];
  return ap >= otherAp && fps >= otherFps && (ap > otherAp || fps > otherFps);
}

function ranked(judged) {
  const fitting = judged.filter((each) => !each.open && !Object.keys(each.broken).length);
  const byWorth = (a, b) => b.row.ap - a.row.ap || b.fps - a.fps;
  return fitting.sort((a, b) => a.row.on_truth - b.row.on_truth || byWorth(a, b));
}

function unbeaten(fitting) {
  return fitting.filter((each) => !fitting.some((other) => beats(other, each)));
}

// The wishes less one, for every one that was made.
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

// The answer by the places of rows: shortlist, beaten ({at, by}), excluded by rule, gains by wish.
function recommend(rows, wanted) {
  const judged = judge(rows, wanted);
  const fitting = ranked(judged);
  const shortlist = unbeaten(fitting);
  const rest = fitting.filter((each) => !shortlist.includes(each));
  const beaten = rest.map((each) => ({ each, by: shortlist.find((other) => beats(other, each)) }));
  const gains = Object.entries(lessOne(wanted)).map(([rule, less]) => {
    const relaxed = unbeaten(ranked(judge(rows, less)));
    return [rule, relaxed.filter((each) => !shortlist.some((own) => own.row === each.row))];
  });
  const near = shortlist.length ? {} : nearest(judged, wanted);
  return { judged, shortlist, beaten, gains: Object.fromEntries(gains), nearest: near };
}

// What a wish asks of a row; more is better, null is not known.
const WORTH = {
  fps: (each) => each.fps,
  ap: (each) => each.row.ap,
  licence: (each) => LEAST_FREE_FIRST.indexOf(each.row.licence),
  memory: (each) => (each.row.memory === null ? null : -each.row.memory),
};

// For each wish, the best among the rows that break no other, else among all of the group.
function nearest(judged, wanted) {
  const group = judged.filter((each) => !each.broken.comparable);
  const found = Object.keys(lessOne(wanted)).map((rule) => {
    const only = group.filter((each) => Object.keys(each.broken).join() === rule);
    const known = (only.length ? only : group).filter((each) => WORTH[rule](each) !== null);
    const better = (top, each) => (top && WORTH[rule](top) >= WORTH[rule](each) ? top : each);
    return [rule, known.reduce(better, null)];
  });
  return Object.fromEntries(found.filter(([, best]) => best));
}

// ---- what the panel shows ----

const RULE_TITLES = {
  comparable: "not comparable", fps: "speed", ap: "accuracy", licence: "licence", memory: "memory",
};
const MOST_NAMED = 12;

function answer() {
  const wanted = wishes();
  const found = recommend(report.wishes, wanted);
  const place = document.getElementById("answer");
  const fitting = [verdictOn(found), shortList(found, wanted), ...near(found)];
  place.replaceChildren(...fitting, excluded(found), ...costs(found));
}

function verdictOn({ shortlist, judged }) {
  if (!judged.length) return element("p", "There is nothing to choose from.");
  if (!shortlist.length) return element("p", "No entry fits all of these wishes.", "verdict-line");
  const several = `${shortlist.length} entries fit and are beaten by none`;
  const words = shortlist.length === 1 ? "One entry fits and is beaten by none" : several;
  const measured = judged.some(({ row }) => row.ap_source === "measured");
  const source = measured ? "" : " (AP as published, not measured here)";
  return element("p", `${words}${source}:`, "verdict-line");
}

function shortList({ shortlist, beaten }, wanted) {
  const made = element("ol", "", "shortlist");
  for (const each of shortlist) {
    const item = element("li");
    const why = element("span", reasons(each, wanted), "soft");
    item.append(element("strong", each.row.entry), " ", why);
    const also = beaten.filter(({ by }) => by === each).map(({ each: other }) => other.row.entry);
    const words = `It beats, of those that fit: ${listed(also)}.`;
    if (also.length) item.append(element("div", words, "soft"));
    made.append(item);
  }
  return made;
}

function reasons(each, wanted) {
  const found = [apWords(each), fpsWords(each, wanted)];
  if (wanted.commercial) found.push(each.row.licence_why);
  if (wanted.memory !== null) found.push(megabytes(each.row.memory));
  return `${[...found, ...each.row.cautions].join("; ")}.`;
}

function listed(names) {
  const rest = names.length - MOST_NAMED;
  return names.slice(0, MOST_NAMED).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}

function excluded({ judged }) {
  const made = element("div", "", "excluded");
  const undecided = judged.filter((each) => each.open && !Object.keys(each.broken).length);
  if (undecided.length) {
    const said = element("ul");
    const words = (each) => `${each.row.entry}: ${each.open}. To decide: ${each.row.command}`;
    said.append(...undecided.map((each) => element("li", words(each))));
    made.append(more(`${undecided.length} undecided: ${RULE_TITLES.fps}`, said));
  }
  for (const rule of RULES) {
    const out = judged.filter((each) => each.broken[rule]);
    if (!out.length) continue;
    const reasons = element("ul");
    reasons.append(...out.map((each) => element("li", `${each.row.entry}: ${each.broken[rule]}`)));
    made.append(more(`${out.length} excluded: ${RULE_TITLES[rule]}`, reasons));
  }
  return made;
}

function near({ nearest: found }) {
  return Object.entries(found).map(([rule, each]) => {
    const why = each.broken[rule] ?? (rule === "fps" && each.open ? each.open : "fits this wish");
    return element("p", `Nearest in ${RULE_TITLES[rule]}: ${each.row.entry}: ${why}.`);
  });
}

// What each wish keeps out of the shortlist.
function costs({ gains, shortlist }) {
  const told = Object.entries(gains).filter(([, gained]) => gained.length);
  const start = shortlist.length ? "Without the wish for" : "It would take giving up the wish for";
  return told.map(([rule, gained]) => {
    const names = listed(gained.map((each) => each.row.entry));
    return element("p", `${start} ${RULE_TITLES[rule]}: ${names}.`, "soft");
  });
}
