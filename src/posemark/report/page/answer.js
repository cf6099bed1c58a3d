// The answer panel: its words, which are those of report/recommend/reasons.py, and its layout.

const DASH = "–";
const NO_TIME = "no time measured";
const NO_LINE =
  "its time over people is unknown: too few frames, or the same number of people in all";
const NO_MEMORY = "peak memory unknown, as the run used --no-isolate: run again without it";
const NOTHING_DECIDED = "nothing is decided yet";
const ON_TRUTH = "on ground-truth boxes: an app needs a detector on top";
const DOUBTED = "speed not valid: measure these again before you choose";

function fpsWords({ row, fps }, { people }) {
  if (people === null) return `${figure(fps)} FPS`;
  const words = `${figure(fps)} FPS with ${counted(people)} ${people === 1 ? "person" : "people"}`;
  if (people <= row.most_people) return words;
  return `${words} (extrapolated: at most ${counted(row.most_people)} in a frame of the run)`;
}

function figure(number) {
  return number === null ? DASH : digits(number);
}

function counted(number) {
  return number.toLocaleString("en");
}

function apWords({ row, lost }) {
  const words = `AP ${row.ap === null ? DASH : (100 * row.ap).toFixed(1)}`;
  return lost > 0 ? `${words}, ${lost.toFixed(1)} below the best` : `${words}, the best`;
}

function closeSpeed(judged, wanted, low, high) {
  const ends = `${digits(low)} to ${Number.isFinite(high) ? digits(high) : "more"}`;
  return `${fpsWords(judged, wanted)}, ${ends}: too close to ${wanted.fps}`;
}

function closeAccuracy(judged, wanted, low, high) {
  const ends = `${low.toFixed(1)} to ${high.toFixed(1)}`;
  return `${apWords(judged)}, ${ends}: too close to ${wanted.loss}`;
}

function sizeOf(bytes) {
  const units = { GB: 1e9, MB: 1e6, kB: 1e3 };
  const unit = Object.keys(units).find((name) => bytes >= units[name]);
  return unit ? `${digits(bytes / units[unit])} ${unit}` : `${bytes} B`;
}

function offers(each, wanted) {
  const { row } = each;
  return {
    ap: apWords(each),
    fps: fpsWords(each, wanted),
    licence: row.licence_why,
    memory: row.memory === null ? DASH : sizeOf(row.memory),
  };
}

function beatenWords(each, by) {
  const [ap, fps] = [each.row.ap === by.row.ap, each.fps === by.fps];
  const one = ap ? "as accurate and faster" : "better in both";
  return `also fits, but ${by.row.entry} came out ${fps ? "as fast and more accurate" : one}`;
}

// Why a row fits, phrase by phrase.
function reasons({ each, by }, wanted) {
  const words = offers(each, wanted);
  const asked = ["ap", "fps", "licence", "memory"].filter(
    (rule) => rule === "ap" || rule === "fps" || rule in lessOne(wanted),
  );
  const beaten = by ? [beatenWords(each, by)] : [];
  return [...beaten, ...asked.map((rule) => words[rule]), ...each.row.cautions];
}

// ---- the panel ----

const RULE_TITLES = {
  comparable: "not comparable", fps: "speed", ap: "accuracy", licence: "licence", memory: "memory",
};
const MOST_NAMED = 12;

function answer() {
  const wanted = wishes();
  const found = recommend(report.wishes, wanted);
  const place = document.getElementById("answer");
  const fitting = [verdictOn(found), ...fittingLists(found, wanted), ...near(found, wanted)];
  const notes = report.answer_notes.map((note) => element("p", note, "soft"));
  place.replaceChildren(...fitting, excluded(found, wanted), ...costs(found), ...notes);
}

function verdictOn({ fitting, judged }) {
  if (!judged.length) return element("p", "There is nothing to choose from.");
  const all = `${counted(judged.length)} ${judged.length === 1 ? "entry" : "entries"}`;
  const waiting = new Set(undecided(judged).map(({ each }) => each)).size;
  const open = waiting ? `, ${waiting} undecided` : "";
  const words = `${fitting.length} of ${all} ${fitting.length === 1 ? "fits" : "fit"}${open}`;
  return element("p", words, "verdict-line");
}

// Rows by falling AP; a row that another beats has a dash in place of its rank. Rows whose speed is
// not valid are folded away where there are others. Rows on annotated boxes have a list of their own.
function fittingLists({ fitting }, wanted) {
  const [valid, doubted] = [false, true].map((kind) =>
    fitting.filter(({ each }) => each.row.doubted === kind),
  );
  if (!doubted.length) return byBoxes(valid, wanted);
  const apart = element("div");
  apart.append(...byBoxes(doubted, wanted));
  const also = valid.length ? " more" : "";
  const behind = more(`${doubted.length}${also}, ${DOUBTED}`, apart);
  behind.open = !valid.length;
  return [...byBoxes(valid, wanted), behind];
}

function byBoxes(choices, wanted) {
  const onTruth = choices.filter(({ each }) => each.row.on_truth);
  const others = choices.filter(({ each }) => !each.row.on_truth);
  const lists = others.length ? [fittingList(others, wanted)] : [];
  if (!onTruth.length) return lists;
  return [...lists, element("p", ON_TRUTH, "verdict-line"), fittingList(onTruth, wanted)];
}

function fittingList(choices, wanted) {
  const made = element("ol", "", "shortlist");
  let rank = 0;
  for (const choice of choices) {
    const item = element("li", "", choice.by ? "beaten" : "");
    rank += choice.by ? 0 : 1;
    item.value = rank;
    const why = element("span", reasons(choice, wanted).join(" · "), "soft");
    item.append(element(choice.by ? "span" : "strong", choice.each.row.entry), " ", why);
    made.append(item);
  }
  return made;
}

function listed(names) {
  const rest = names.length - MOST_NAMED;
  return names.slice(0, MOST_NAMED).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}

function excluded({ judged }, wanted) {
  const made = element("div", "", "excluded");
  const waiting = undecided(judged);
  for (const rule of RULES) {
    const open = waiting.filter((one) => one.rule === rule);
    if (!open.length) continue;
    const said = element("ul");
    said.append(...open.map((one) => whatDecides(one, wanted)));
    made.append(more(`${open.length} undecided: ${RULE_TITLES[rule]}`, said));
  }
  for (const rule of RULES) {
    const out = judged.filter((each) => each.broken[rule]);
    if (!out.length) continue;
    const said = element("ul");
    said.append(...out.map((each) => element("li", `${each.row.entry}: ${each.broken[rule]}`)));
    made.append(more(`${out.length} excluded: ${RULE_TITLES[rule]}`, said));
  }
  return made;
}

function whatDecides(one, wanted) {
  const item = element("li", `${one.each.row.entry}: ${one.each.open[one.rule]}`);
  item.append(element("div", `To decide: ${command(one, wanted)}`));
  return item;
}

function near({ nearest: found }, wanted) {
  return Object.entries(found).map(([rule, each]) => {
    const words = each ? `${each.row.entry}: ${offers(each, wanted)[rule]}` : NOTHING_DECIDED;
    return element("p", `Nearest in ${RULE_TITLES[rule]}: ${words}.`);
  });
}

// The rows that each wish keeps out of the shortlist.
function costs({ gains, shortlist }) {
  const costly = Object.entries(gains).filter(([, gained]) => gained.length);
  const start = shortlist.length ? "Without the wish for" : "It would take giving up the wish for";
  return costly.map(([rule, gained]) => {
    const names = listed(gained.map((each) => each.row.entry));
    return element("p", `${start} ${RULE_TITLES[rule]}: ${names}.`, "soft");
  });
}
