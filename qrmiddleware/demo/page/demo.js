// Asks the same search twice, with and without the pipeline, and shows the two answers.
// Everything from the shop or the engine reaches the page as text nodes, never as HTML.

const PLAIN_DEPTH = 100; // how far down the plain ranking a hit's old place is looked for
const CUTOFF = 10;
const GRADES = ["not relevant", "accessory or substitute", "close", "exact"];
const COLOURS = {
  black: "#22222a", white: "#f7f7f4", red: "#c0272d", blue: "#2f63c9", green: "#2f8a4f", grey: "#8b8d94",
  silver: "#c5c8cd", navy: "#1f2d54", yellow: "#f2c733", pink: "#eb86ad", purple: "#7846a8", brown: "#7a5236",
  beige: "#dccdb0", cream: "#f2e8cf", oak: "#c79b62", orange: "#ec7a23", burgundy: "#6d1d33", tan: "#c69c6d",
  gold: "#c9a227", olive: "#6b6b2f", walnut: "#5d4030", mustard: "#cf9f1a", pine: "#dcbb85",
};

const at = (id) => document.getElementById(id);
const list = (value) => (Array.isArray(value) ? value : value == null ? [] : [value]);
const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
const ms = (value) => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;

let shop = null;
let running = null;

function element(tag, { className = "", text = "", ...attributes } = {}, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== "") made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.filter((child) => child != null));
  return made;
}

// --- asking -------------------------------------------------------------------------------

function fill(template, text) {
  if (template === shop.placeholder) return text;
  if (Array.isArray(template)) return template.map((value) => fill(value, text));
  if (template === null || typeof template !== "object") return template;
  return Object.fromEntries(Object.entries(template).map(([key, value]) => [key, fill(value, text)]));
}

async function ask(text, { plain, signal }) {
  const pipeline = plain ? "_none" : at("pipeline-name").value;
  const parameters = pipeline ? `?qrm_pipeline=${encodeURIComponent(pipeline)}` : "";
  const started = performance.now();
  const reply = await fetch(`/${encodeURIComponent(shop.index)}/_search${parameters}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(plain ? {} : { "x-qrm-debug": "true" }) },
    body: JSON.stringify({ ...fill(shop.body, text), size: plain ? PLAIN_DEPTH : CUTOFF }),
    signal,
  });
  const body = await reply.json();
  if (!reply.ok) throw new Error(body?.error?.reason ?? `the proxy answered ${reply.status}`);
  return { ...body, elapsed: performance.now() - started };
}

async function search(text) {
  running?.abort();
  running = new AbortController();
  const { signal } = running;
  markExample(text);
  try {
    const [plain, piped] = await Promise.all([
      ask(text, { plain: true, signal }),
      ask(text, { plain: false, signal }),
    ]);
    at("problem").hidden = true;
    show(text, plain, piped);
  } catch (error) {
    if (error.name === "AbortError") return;
    at("problem").textContent = `This search failed: ${error.message}`;
    at("problem").hidden = false;
  }
}

// --- measuring ----------------------------------------------------------------------------

const normal = (text) => text.toLowerCase().trim().replace(/\s+/g, " ");

function gradesOf(text) {
  const known = shop.judgments;
  return Object.hasOwn(known, normal(text)) ? known[normal(text)] : null;
}

function gain(grades) {
  return grades.reduce((sum, grade, place) => sum + (2 ** grade - 1) / Math.log2(place + 2), 0);
}

function ndcg(hits, grades) {
  const ideal = gain(Object.values(grades).sort((a, b) => b - a).slice(0, CUTOFF));
  return ideal ? gain(hits.slice(0, CUTOFF).map((hit) => grades[hit._id] ?? 0)) / ideal : 0;
}

// --- showing ------------------------------------------------------------------------------

function show(text, plain, piped) {
  const grades = gradesOf(text);
  const before = list(plain.hits?.hits);
  const after = list(piped.hits?.hits);
  const debug = piped.ext?.qrm ?? {};
  const places = new Map(before.map((hit, place) => [hit._id, place + 1]));
  showPipeline(debug, plain.elapsed, piped.elapsed);
  showColumn("plain", plain, before.slice(0, CUTOFF), (hit) => [wordsOf([text]), hit, grades, []]);
  showColumn("with", piped, after, (hit, rank) => {
    const found = list(hit._qrm?.found_by).map(String);
    const tags = [...provenance(found, text, debug), movement(places, hit, rank), reward(hit)];
    return [wordsOf(found.length ? found : [text]), hit, grades, tags];
  });
  showMeasure(grades && { before: ndcg(before, grades), after: ndcg(after, grades) });
  at("columns").hidden = false;
  at("announcement").textContent =
    `${text}: ${total(plain)} without the pipeline, ${total(piped)} with it.`;
}

function total(reply) {
  const found = reply.hits?.total;
  const count = typeof found === "object" ? found?.value : found;
  if (!isNumber(count)) return `${list(reply.hits?.hits).length} hits`;
  const atLeast = found?.relation === "gte" ? "at least " : "";
  return `${atLeast}${count.toLocaleString("en")} ${count === 1 ? "hit" : "hits"}`;
}

function showColumn(side, reply, hits, describe) {
  at(`${side}-summary`).textContent = `${total(reply)} in ${ms(reply.elapsed)}`;
  const rows = hits.map((hit, place) => hitRow(place + 1, ...describe(hit, place + 1)));
  const nothing = element("li", { className: "nothing" },
    element("b", { text: "Nothing found" }), "No product carries these words.");
  at(`${side}-hits`).replaceChildren(...(rows.length ? rows : [nothing]));
}

function hitRow(rank, words, hit, grades, tags) {
  const source = hit._source ?? {};
  const details = list(source.details).map(String);
  const about = [source.brand, source.category].filter(Boolean).join(" · ");
  const detail = element("p", { className: "details", title: details.join(", ") });
  detail.append(...highlighted(details.join(" · "), words));
  const heading = element("h3", { title: String(source.description ?? "") });
  heading.append(...highlighted(String(source.title ?? hit._id), words));
  const line = element("p", { className: "about" });
  line.append(...highlighted(about, words), ...rating(source));
  const shown = tags.filter(Boolean);
  return element("li", { className: "hit" },
    element("span", { className: "rank", text: `${rank}.` }),
    tile(source, details),
    element("div", {}, heading, line, detail,
      shown.length ? element("p", { className: "from" }, ...shown) : null),
    element("div", { className: "right" },
      isNumber(source.price) ? element("p", { className: "price", text: pounds(source.price) }) : null,
      grades ? badge(grades[hit._id] ?? 0) : null));
}

const pounds = (price) => price.toLocaleString("en-GB", { style: "currency", currency: "GBP" });

function tile(source, details) {
  const made = element("span", { className: "tile", "aria-hidden": "true" });
  made.textContent = String(source.category ?? "?").slice(0, 2);
  const colour = details.find((detail) => detail.startsWith("colour "))?.slice("colour ".length);
  if (colour && Object.hasOwn(COLOURS, colour)) {
    made.style.backgroundColor = COLOURS[colour];
    made.style.color = isDark(COLOURS[colour]) ? "#fff" : "#1b1b24";
  }
  return made;
}

function isDark(hex) {
  const [red, green, blue] = [1, 3, 5].map((start) => parseInt(hex.slice(start, start + 2), 16));
  return red * 0.299 + green * 0.587 + blue * 0.114 < 150;
}

function rating({ rating: stars, reviews }) {
  return isNumber(stars) ? [` · ★ ${stars.toFixed(1)}${isNumber(reviews) ? ` (${reviews})` : ""}`] : [];
}

function badge(grade) {
  const dots = "●".repeat(grade) + "○".repeat(3 - grade);
  return element("p", { className: `grade grade-${grade}`, title: `judged: ${GRADES[grade]}` },
    element("span", { text: dots, "aria-hidden": "true" }),
    element("span", { className: "visually-hidden", text: `judged: ${GRADES[grade]}` }));
}

function provenance(found, text, debug) {
  const used = list(debug.decisions).filter((decision) => decision.admitted);
  const rewrites = new Map(used.map((d) => [normal(String(d.text ?? "")), d.plugin]));
  return found.map((wording) => {
    if (normal(wording) === normal(text)) return element("span", { className: "tag", text: "your words" });
    const plugin = rewrites.get(normal(wording));
    return element("span", { className: "tag rewrite", text: `“${wording}”${plugin ? ` · ${plugin}` : ""}` });
  });
}

function movement(places, hit, rank) {
  const place = places.get(hit._id);
  if (place === undefined) {
    const text = places.size < PLAIN_DEPTH ? "▲ new" : `▲ from below ${PLAIN_DEPTH}`;
    return element("span", { className: "tag up", text });
  }
  if (place === rank) return null;
  const up = place > rank;
  const text = `${up ? "▲" : "▼"} from ${place}`;
  return element("span", { className: `tag ${up ? "up" : "down"}`, text });
}

function reward(hit) {
  const value = hit._qrm?.reward;
  return isNumber(value) ? element("span", { className: "tag", text: `reward ${value.toFixed(2)}` }) : null;
}

function showMeasure(measure) {
  for (const side of ["plain", "with"]) at(`${side}-ndcg`).replaceChildren();
  if (!measure) return;
  const { before, after } = measure;
  const change = Math.round(after * 100) - Math.round(before * 100);
  const note = (...children) => element("small", {}, "nDCG@10 ", ...children);
  at("plain-ndcg").append(element("b", { text: before.toFixed(2) }), note());
  at("with-ndcg").append(element("b", { text: after.toFixed(2) }), note(
    change ? element("span", { className: change > 0 ? "gain" : "loss", text: signed(change / 100) }) : ""));
}

const signed = (value) => `${value > 0 ? "+" : value < 0 ? "−" : "±"}${Math.abs(value).toFixed(2)}`;

// --- what the pipeline did ----------------------------------------------------------------

function showPipeline(debug, before, after) {
  const decisions = list(debug.decisions);
  const steps = list(debug.processor_results)
    .filter((step) => isNumber(step.duration_millis) && step.processor_name !== "qrm_explain")
    .map((step) => `${step.tag ?? step.processor_name} ${ms(step.duration_millis)}`);
  const skipped = Object.entries(debug.degraded ?? {}).map(([name, why]) => `${name} skipped: ${why}`);
  const parts = [debug.policy && `merged by ${debug.policy}`, ...steps, ...skipped,
    `round trip ${ms(before)} without, ${ms(after)} with`];
  at("timings").textContent = parts.filter(Boolean).join(" · ");
  const rows = decisions.length ? decisions.map(decisionRow) : [untouched(debug)];
  at("decisions").replaceChildren(...rows);
  at("pipeline").hidden = false;
}

function untouched(debug) {
  const handled = !debug.outcome || debug.outcome === "handled";
  const text = handled ? "Nothing: no rule and no rewrite knows these words." : `Nothing: ${debug.outcome}.`;
  return element("li", { className: "decision" }, element("span", { className: "sign", text: "–" }),
    element("span", { text }));
}

function decisionRow(decision) {
  const admitted = Boolean(decision.admitted);
  const weight = isNumber(decision.weight) ? `weight ${Number(decision.weight.toFixed(3))}` : "";
  const reason = admitted ? "" : `not used: ${decision.reason ?? "no reason given"}`;
  const note = String(decision.note ?? "").replace(/(?:[^\s/\\]*[/\\])+([^\s/\\]+:\d+)/g, "$1"); // file:line
  const small = [decision.plugin, weight, reason, note].filter(Boolean).join(" · ");
  return element("li", { className: admitted ? "decision" : "decision refused" },
    element("span", { className: "sign", text: admitted ? "✓" : "✗",
      "aria-label": admitted ? "used" : "not used", role: "img" }),
    element("span", {}, `${verb(decision)} `, element("strong", { text: wording(decision) }),
      element("small", { text: small })));
}

function verb({ kind, weight, replaces, excludes }) {
  if (kind === "boost") return isNumber(weight) && weight < 0 ? "lower" : "raise";
  if (kind === "restriction") return excludes ? "leave out" : "keep only";
  return replaces ? "search instead for" : "search also for";
}

function wording(decision) {
  if (decision.text) return `“${decision.text}”`;
  if (!decision.clause) return "";
  const { term, match } = decision.clause;
  const [entry, ...more] = Object.entries(term ?? match ?? {});
  if (!entry || more.length) return JSON.stringify(decision.clause);
  const [field, value] = entry;
  return `${field}: ${value?.value ?? value?.query ?? value}`;
}

// --- words ---------------------------------------------------------------------------------

const WORD = /[\p{L}\p{N}]+(?:[.'’][\p{L}\p{N}]+)*/gu;

function stem(word) {
  const lower = word.toLowerCase().replace(/['’]s?$/, "");
  return lower.length > 3 ? lower.replace(/(ies|es|s|e|y)$/, "") : lower;
}

function wordsOf(texts) {
  return new Set(texts.flatMap((text) => text.match(WORD) ?? []).map(stem));
}

function highlighted(text, words) {
  const pieces = [];
  let end = 0;
  for (const match of text.matchAll(WORD)) {
    if (!words.has(stem(match[0]))) continue;
    pieces.push(text.slice(end, match.index), element("mark", { text: match[0] }));
    end = match.index + match[0].length;
  }
  pieces.push(text.slice(end));
  return pieces.filter((piece) => piece !== "");
}

// --- page -----------------------------------------------------------------------------------

function showExamples() {
  at("examples").replaceChildren(...shop.examples.map((text) => {
    const button = element("button", { type: "button", text });
    button.addEventListener("click", () => go(text));
    return button;
  }));
}

function showPipelines() {
  const names = Object.entries(shop.pipelines ?? {});
  at("pipeline-name").replaceChildren(...names.map(([text, value]) => element("option", { text, value })));
  at("pipeline-name").addEventListener("change", () => go(at("query").value));
  at("reranker").hidden = !names.length;
}

function markExample(text) {
  for (const button of at("examples").children) {
    button.setAttribute("aria-current", String(button.textContent === text));
  }
}

function showReport(report) {
  const mean = report?.all;
  if (!mean) return;
  const reranks = isNumber(mean.unranked);
  const middle = reranks ? `${mean.unranked.toFixed(3)} with rules and rewrites, ` : "";
  at("report-mean").textContent = `Mean over ${mean.count} searches: ${mean.before.toFixed(3)} with the engine `
    + `alone, ${middle}${mean.after.toFixed(3)} through the pipeline; ${mean.better} better, ${mean.worse} worse, `
    + `${mean.count - mean.better - mean.worse} the same.`;
  at("report-told").textContent = report.told ?? "";
  at("report-unranked").hidden = !reranks;
  const unseen = report.unseen ? [{ ...report.unseen, name: "all that the student has not seen" }] : [];
  at("report-rows").replaceChildren(...[...list(report.groups), ...unseen].map((group) => {
    const change = group.after - group.before;
    const className = change > 0.0005 ? "gain" : change < -0.0005 ? "loss" : "";
    return element("tr", {},
      element("th", { scope: "row", text: group.name }),
      element("td", { text: String(group.count) }),
      element("td", { text: group.before.toFixed(3) }),
      reranks ? element("td", { text: isNumber(group.unranked) ? group.unranked.toFixed(3) : "" }) : null,
      element("td", { text: group.after.toFixed(3) }),
      element("td", { className, text: signed(change) }));
  }));
  at("report").hidden = false;
}

function go(text) {
  const query = text.trim();
  if (!query) return;
  at("query").value = query;
  const by = at("pipeline-name");
  const named = by.selectedIndex > 0 ? `&pipeline=${encodeURIComponent(by.value)}` : "";
  const url = `?q=${encodeURIComponent(query)}${named}`;
  if (url !== location.search) history.pushState(null, "", url);
  search(query);
}

function goToAddress() {
  const address = new URLSearchParams(location.search);
  const text = address.get("q") ?? shop.examples[0] ?? "";
  const options = [...at("pipeline-name").options];
  at("pipeline-name").selectedIndex = Math.max(0, options.findIndex(({ value }) => value === address.get("pipeline")));
  at("query").value = text;
  if (text.trim()) search(text.trim());
}

async function start() {
  const reply = await fetch("demo.json");
  if (!reply.ok) throw new Error(`demo.json: ${reply.status}`);
  shop = await reply.json();
  at("engine").textContent = `${shop.products.toLocaleString("en")} products in ${shop.engine}`;
  showPipelines();
  showExamples();
  showReport(shop.report);
  at("search").addEventListener("submit", (event) => {
    event.preventDefault();
    go(at("query").value);
  });
  window.addEventListener("popstate", goToAddress);
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== at("query")) {
      event.preventDefault();
      at("query").select();
    }
  });
  goToAddress();
}

start().catch((error) => {
  at("problem").textContent = `The demo did not start: ${error.message}`;
  at("problem").hidden = false;
});
