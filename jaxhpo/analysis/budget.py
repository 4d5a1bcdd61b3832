"""How often a report may say something of a study in which nothing matters: at most one study in
twenty, over all its statements together, not over each kind of them.

The 5 % are shared out among the kinds of statements, each of which holds its part by its own
correction for the number of parameters (or values, or pairs):

- `MATTERS`: a parameter matters (`jaxhpo.analysis.evidence`). Nothing is said of an association,
  and no advice to narrow, to drop or (unless the elite crowd at a bound as they would not by
  chance) to widen is given, without it, so that these use nothing more of the budget.
- `VALUES`: a value is rarer or more frequent among the elite (`jaxhpo.analysis.elites`).
- `LOST`: trials diverge more often in one part of a parameter's range (`jaxhpo.analysis.diverged`).
- `OTHERS`: what the objectives after the first and the constraints depend on, all together
  (`jaxhpo.analysis.targets`).
- `FOREST`: a parameter is important (`jaxhpo.analysis.importance`), or two of them interact
  (`jaxhpo.analysis.interactions`). Only forests that explain trials which they have not seen are
  asked, and of noise few do, so that far less than this is used.

What comes of it is measured: scripts/calibrate.py simulates studies of noise, and
scripts/results/calibration.json says in how many anything was said at all.
"""

from __future__ import annotations

MATTERS = 0.02
VALUES = 0.01
LOST = 0.01
OTHERS = 0.01
FOREST = 0.05
