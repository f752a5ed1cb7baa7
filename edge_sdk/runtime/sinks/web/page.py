"""The page: pictures and figures of a run, for a phone in the hand beside the camera as for a wide screen.

It loads nothing from elsewhere, and writes what it is told as text only, so that no label or name becomes markup.
"""

from __future__ import annotations

POLICY = (
    "default-src 'none'; img-src 'self' data:; connect-src 'self'; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
)

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>edge-sdk</title><link rel="icon" href="data:,">
<style>
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5b6675; --line: #d7dde5; --paper: #f6f8fa; --card: #fff;
  --good: #1a7f4b; --warn: #9a6700; --bad: #b42318; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ebf2; --soft: #9aa7b8; --line: #303a48; --paper: #12171f;
  --card: #1a212b; --good: #4cc38a; --warn: #e0b04c; --bad: #ff8a7a; } }
* { box-sizing: border-box; }
body { font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 0; padding: .8rem; }
header { display: flex; flex-wrap: wrap; gap: .2rem 1rem; align-items: baseline; margin: 0 .2rem .6rem; }
h1 { font-size: 1.1rem; margin: 0; } .soft { color: var(--soft); }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 22rem), 1fr)); gap: .8rem; }
section { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; overflow: hidden; }
section h2 { font-size: 1rem; margin: 0; padding: .5rem .7rem 0; overflow-wrap: anywhere; }
img[hidden] { display: none; } img:not([hidden]) { display: block; }
img { width: 100%; background: #000; min-height: 4rem; }
dl { display: grid; grid-template-columns: auto 1fr; gap: .1rem .8rem; margin: .5rem .7rem .7rem; }
dt { color: var(--soft); } dd { margin: 0; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.live, .ended { color: var(--good); } .stalled, .reconnecting { color: var(--warn); } .dead { color: var(--bad); }
table { border-collapse: collapse; width: 100%; margin: .2rem 0; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .15rem .5rem; border-top: 1px solid var(--line); font-weight: 400; }
th:first-child { text-align: left; } thead th { color: var(--soft); border: 0; }
ul { margin: .3rem .7rem .7rem; padding-left: 1.1rem; } #gone { color: var(--bad); }
</style></head><body>
<header><h1>edge-sdk</h1><span id="rate"></span><span class="soft" id="model"></span>
<span id="gone" role="status"></span></header>
<main id="sources"></main>
<script>
"use strict";
const tag = (name, text, kind) => { const node = document.createElement(name); node.textContent = text ?? "";
  if (kind) node.className = kind; return node; };
const pairs = rows => { const list = tag("dl");
  for (const [name, text, kind] of rows) list.append(tag("dt", name), tag("dd", text, kind)); return list; };
const counts = data => Object.entries(data).filter(([, count]) => count).map(([name, count]) => count + " " + name)
  .join(", ") || "none";
const cards = new Map();
let previous = null;

function card(index, name) {
  if (cards.has(index)) return cards.get(index);
  const box = tag("section"), picture = tag("img"), facts = tag("div");
  picture.alt = "live picture of " + name; picture.hidden = true;
  box.append(picture, tag("h2", name), facts);
  document.getElementById("sources").append(box);
  cards.set(index, { picture, facts });
  return cards.get(index);
}

function rate(index, results) {
  const before = previous?.results[index], seconds = previous ? (performance.now() - previous.at) / 1000 : 0;
  return before === undefined || !seconds ? null : Math.max(0, results - before) / seconds;
}

function showSource(source, index, told) {
  const { picture, facts } = card(index, source.name), last = source.last, rows = [];
  if (last?.has_picture && picture.hidden) { picture.hidden = false; picture.src = "stream.mjpg?source=" + index; }
  if (told) {
    const perSecond = rate(index, told.accounts.results);
    rows.push(["state", told.state, told.state]);
    const pace = perSecond === null ? "" : ", " + perSecond.toFixed(1) + " a second";
    rows.push(["results", told.accounts.results + pace]);
    if (last?.age_ms != null) rows.push(["age", Math.round(last.age_ms) + " ms"]);
    rows.push(["dropped", counts(told.accounts.dropped)]);
    rows.push(["failed", counts({ errors: told.accounts.errors, stale: told.accounts.stale })]);
  }
  if (last) rows.push(["sees", last.captions.join(", ") || "nothing"]);
  facts.replaceChildren(pairs(rows));
}

function showStages(stages) {
  const { facts } = card("stages", "Time of a sample"), table = tag("table"), head = tag("tr");
  const name = { read: "reading", wait: "waiting", preprocess: "preparing", infer: "the model", decode: "decoding",
    own: "edge-sdk's own", frame: "whole", sink: "sinks", age: "capture to result" };
  for (const text of ["ms", "half", "95 %", "99 %"]) head.append(tag("th", text));
  table.append(tag("thead"), tag("tbody")); table.tHead.append(head);
  for (const [stage, ms] of Object.entries(stages)) {
    const row = tag("tr"); row.append(tag("th", name[stage] ?? stage));
    for (const value of [ms.p50_ms, ms.p95_ms, ms.p99_ms]) row.append(tag("td", value?.toFixed(2)));
    table.tBodies[0].append(row);
  }
  facts.replaceChildren(table);
}

function showEvents(report) {
  const lines = [...report.events.slice(-6).reverse().map(e => e.source + ": " + e.after + " (" + e.cause + ")"),
    ...report.failures.slice(0, 4)];
  if (!lines.length) return;
  const list = tag("ul"); for (const line of lines) list.append(tag("li", line));
  card("events", "What happened").facts.replaceChildren(list);
}

async function refresh() {
  try {
    const answer = await fetch("status.json"), { sources, report } = await answer.json();
    document.getElementById("gone").textContent = "";
    sources.forEach((source, index) => showSource(source, index, report?.sources[index]));
    if (report) {
      document.getElementById("rate").textContent = report.accounts.results + " results in " +
        report.duration_s.toFixed(0) + " s";
      document.getElementById("model").textContent = "model " + report.model.slice(0, 12);
      showStages(report.stages); showEvents(report);
      previous = { at: performance.now(), results: report.sources.map(one => one.accounts.results) };
    }
  } catch { document.getElementById("gone").textContent = "the run is over, or not reachable"; }
  setTimeout(refresh, 1000);
}
refresh();
</script></body></html>
"""
