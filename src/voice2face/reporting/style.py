"""The result page's look, and its help."""

from __future__ import annotations

__all__ = ["HOW_TO_READ", "POLICY", "STYLE"]

# Content security policy of a page: nothing is fetched or run, whatever a name in it may hold.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

STYLE = """
:root{color-scheme:light dark;--paper:#fbfaf7;--ink:#22252b;--soft:#6a6f78;--line:#dedbd3;
--own:#0b5fa5;--ownback:#eaf2fa;--card:#fff;--few:#a9acb1}
@media(prefers-color-scheme:dark){:root{--paper:#16181c;--ink:#e6e6e3;--soft:#9da2ab;
--line:#343840;--own:#7cc0ff;--ownback:#1c2a3a;--card:#1d2025;--few:#666b73}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1240px;margin:0 auto;padding:28px 20px 60px}
h1{font-size:28px;margin:0}h2{font-size:18px;margin:0 0 10px}
.facts,.note{color:var(--soft)}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;
padding:16px 18px;margin:18px 0}
ul{margin:6px 0;padding-left:20px}li{margin:4px 0;max-width:90ch}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:14px;margin:8px 0}
th,td{padding:5px 8px 5px 0;text-align:right;vertical-align:top;
border-bottom:1px solid var(--line)}
th{font-weight:600}th[scope=row]{text-align:left;font-weight:400;white-space:nowrap}
th[scope=col]{vertical-align:bottom;max-width:120px}
td{white-space:nowrap}td.long{white-space:normal;text-align:left;overflow-wrap:anywhere}
td small{display:block;color:var(--soft);font-size:11.5px}
.band th{text-align:left;padding-top:14px;color:var(--soft);text-transform:capitalize}
.own{color:var(--own);background:var(--ownback);font-weight:600;padding-left:8px}
.chance{color:var(--soft)}
td.few,tr.few *,tr.few th{color:var(--few)!important;font-weight:400;font-style:italic}
details{margin:8px 0}summary{cursor:pointer;color:var(--own)}
figure{margin:0 0 12px}figcaption{color:var(--soft);font-size:13px;overflow-wrap:anywhere}
svg text{fill:var(--soft);font:12px system-ui,sans-serif}svg text.name{fill:var(--ink)}
svg text.few{fill:var(--few);font-style:italic}
svg line,svg path{stroke:var(--line);fill:none}
svg path.chance{stroke:var(--soft);stroke-dasharray:3 4}
svg path.whisker{stroke:var(--ink)}
.charts{display:flex;flex-wrap:wrap;gap:6px 24px}
.trial{border-top:1px solid var(--line);padding:8px 0}h3{font-size:13px;margin:0 0 6px}
.faces{display:flex;flex-wrap:wrap;gap:10px;align-items:flex-start}.gap{width:24px}
.faces figure{margin:0;max-width:150px}.faces img{width:96px;height:96px;border-radius:6px;
border:3px solid transparent}
.faces figure.right img{border-color:#2b8a3e}.faces small{display:block}
small.yes{color:#2b8a3e}small.no{color:#c0392b}
@media(max-width:600px){main{padding:16px 10px}section{padding:12px}}
"""

HOW_TO_READ = (
    "The faces are imagined. They are no likeness of anybody, and no figure here says that one is.",
    "Below each figure stands its 95 % interval: people are drawn anew, each with all its "
    "recordings, a thousand times. It tells how much the figure depends on who happens to be in "
    "the test. Figures in italic grey rest on fewer than 10 people: do not read them.",
    "Matching 1:N: of N true faces of different people, is the one nearest to the generated face "
    "the speaker's own? “Within one gender” all N share it, so that gender does not help: this is "
    "the figure that shows whether more than gender is drawn.",
    "Every face is the right answer as often as any other in its line-up, so that a system that "
    "draws one face for everybody gets exactly chance.",
    "“Real faces” puts another true photograph of the person in place of the generated face: what "
    "the judge can see at best. A judge that fails there can tell nothing.",
    "The ceiling, known in planted worlds only, is what the best possible matcher reaches that "
    "sees all that a voice and a face express.",
    "Similarity alone misleads: an average face is near to everybody. See how much nearer the "
    "generated face is to its own person than to another.",
    "Consistency is 1 minus the distance within a speaker over that between speakers of one "
    "gender: 1 is one face a speaker, 0 is no better than chance, and it is undefined where all "
    "speakers get one face.",
    "Traits that are measured: the correlation over people says whether a voice's trait is drawn; "
    "the difference alone favours an average face, and its chance is that to everybody's. Under "
    "“real faces” one half of a person's photographs stands against the other: what the measure "
    "can show at best. Light and camera colour skin and hair as much as people do.",
    "Curves and bars: coloured are the systems scored, grey what stands beside them. The band or "
    "whisker is the 95 % interval, a dotted line what guessing gives.",
    "Baselines learned from the training people only, and answered the same trials. A direct "
    "matcher draws no face: it is a ceiling for those that do.",
    "Image quality compares drawn faces with one half of the real faces of the split, and “real "
    "faces” is the other half: what a perfect system would reach. The Fréchet and the kernel "
    "distance, and the distance to the nearest training face, are in the space of one kind of "
    "image features: never compare them with published ones. Faces nearer to a training face than "
    "real ones are copies. Drawing people anew repeats faces, which shifts the Fréchet distance "
    "and the VGGFace score: their intervals have that spread, about the figure itself.",
    "A good system refuses sounds that are no speech, or draws what no detector takes for a face. "
    "Their intervals draw the sounds of a kind anew.",
    "Recall and ranks depend on the size of the gallery (1:size): never compare different ones.",
)
