"""The look of the page: light and dark, wide and narrow, on a screen and on paper."""

STYLE = """
:root { color-scheme: light dark; --ink: #1b2330; --soft: #566173; --line: #d9dfe7; --paper: #fff; --card: #f6f8fb;
  --good: #14713f; --warn: #8a5a00; --bad: #b3261e; --int: #2f6fde; --float: #bcc6d3; --band: #2f6fde22; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7ecf3; --soft: #9fabbb; --line: #2f3947; --paper: #11161d;
  --card: #18202a; --good: #4cc38a; --warn: #e5b454; --bad: #ff8a80; --int: #74a5ff; --float: #475262;
  --band: #74a5ff2e; } }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 0 auto;
  max-width: 68rem; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem; padding-top: 1rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.02rem; margin: 1.6rem 0 .3rem; }
p { margin: .3rem 0; max-width: 48rem; } ul { margin: .3rem 0; padding-left: 1.2rem; } .soft { color: var(--soft); }
a { color: var(--int); } nav { margin: .6rem 0; display: flex; flex-wrap: wrap; gap: .2rem 1rem; }
code, pre { font: .88em ui-monospace, monospace; overflow-wrap: anywhere; }
pre { background: var(--card); border-radius: .4rem; padding: .6rem .8rem; white-space: pre-wrap; margin: .4rem 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: .4rem 0; font-variant-numeric: tabular-nums; }
th { font-weight: 600; color: var(--soft); } tbody th { color: var(--ink); font-weight: 400; }
th, td { text-align: left; padding: .25rem .9rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 21rem), 1fr)); gap: 1rem;
  margin: 1rem 0; }
.card { background: var(--card); border: 1px solid var(--line); border-left: .4rem solid var(--tone);
  border-radius: .6rem; padding: .9rem 1.1rem; break-inside: avoid; }
.card h2 { border: 0; padding: 0; margin: 0; font-size: 1.05rem; }
.verdict { font-size: 1.3rem; font-weight: 700; letter-spacing: .02em; color: var(--tone); margin: 0; }
.ship { --tone: var(--good); } .care { --tone: var(--warn); } .stop { --tone: var(--bad); }
.card dl { display: grid; grid-template-columns: auto 1fr; gap: .1rem .8rem; margin: .7rem 0 .2rem; }
.card dt { color: var(--soft); } .card dd { margin: 0; font-weight: 600; font-variant-numeric: tabular-nums; }
.card dd small { font-weight: 400; color: var(--soft); }
.good { color: var(--good); } .warn { color: var(--warn); } .bad { color: var(--bad); }
.bar { display: flex; height: .9rem; border-radius: .3rem; overflow: hidden; background: var(--float);
  max-width: 30rem; } .bar i { background: var(--int); }
.level { display: inline-block; width: 6rem; height: .6rem; border-radius: .2rem; background: var(--line);
  overflow: hidden; margin-right: .5rem; } .level i { display: block; height: 100%; background: var(--int); }
.samples { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: 1rem .8rem;
  margin: .6rem 0; }
.ranges { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 19rem), 1fr)); gap: 1rem; }
figure { margin: 0; break-inside: avoid; min-width: 0; } figcaption { font-size: .88rem; overflow-wrap: anywhere; }
.seen { position: relative; } .seen img { display: block; width: 100%; border-radius: .3rem; }
.seen svg { position: absolute; inset: 0; width: 100%; height: 100%; }
svg { max-width: 100%; height: auto; } svg text { fill: var(--soft); font: 12px system-ui, sans-serif; }
summary { cursor: pointer; color: var(--int); margin: .4rem 0; }
@media print { body { max-width: none; padding: 0; font-size: 11px; } a { color: inherit; } nav { display: none; }
  .wide { overflow: visible; } h2, h3 { break-after: avoid; } tr { break-inside: avoid; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  details::details-content { content-visibility: visible; block-size: auto; } }
"""
