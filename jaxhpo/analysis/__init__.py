"""From a search space and a trial table to typed results: one file a question, nothing rendered.

The functions take what `jaxhpo.table.trials_table` makes, or any table of that form, and return
frozen results that say what they were computed from. `jaxhpo.report` renders them. In a notebook,

    from jaxhpo.analysis import Options, analysed_table, branches, directions, sample, surrogate
    from jaxhpo.interop.sources import load

    space, table, facts = load("sqlite:///optuna.db", startup=25)
    analysed_table(table, space, objective=facts["objective"], maximize=facts["maximize"])

    made = sample(table, space, maximize=facts["maximize"])
    forests = [surrogate(made, branch, "every", Options()) for branch in branches(space)]
    directions(forests[0])

is the whole of it at once, and one question alone.
"""

from jaxhpo.analysis.association import Association, associations
from jaxhpo.analysis.branches import branches
from jaxhpo.analysis.chosen import Chosen, chosen
from jaxhpo.analysis.compare import Comparison, Side, compared, side, side_of_table
from jaxhpo.analysis.convergence import Convergence, convergence
from jaxhpo.analysis.cost import Cost, cost
from jaxhpo.analysis.coverage import Coverage, coverage
from jaxhpo.analysis.direction import Direction, directions
from jaxhpo.analysis.diverged import Diverged, diverged
from jaxhpo.analysis.elites import Elites, elites
from jaxhpo.analysis.evidence import Evidence, evidence
from jaxhpo.analysis.fronts import Fronts, fronts
from jaxhpo.analysis.groups import Groups, groups
from jaxhpo.analysis.importance import Importances, importances
from jaxhpo.analysis.interactions import Interactions, interactions
from jaxhpo.analysis.learning import Learning, learning
from jaxhpo.analysis.options import Options
from jaxhpo.analysis.parameters import Parameter, parameters
from jaxhpo.analysis.progress import Progress, progress
from jaxhpo.analysis.replicates import Replicates, replicates
from jaxhpo.analysis.result import Analysis
from jaxhpo.analysis.sample import Sample, sample
from jaxhpo.analysis.slices import Slice, slices
from jaxhpo.analysis.study import analysed, analysed_table
from jaxhpo.analysis.summary import Row, Summary, summary
from jaxhpo.analysis.surrogate import Surrogate, surrogate
from jaxhpo.analysis.top_region import TopRegion, top_region
from jaxhpo.analysis.tunability import Tunability, tunability

__all__ = [
    "Analysis",
    "Association",
    "Chosen",
    "Comparison",
    "Convergence",
    "Cost",
    "Coverage",
    "Direction",
    "Diverged",
    "Elites",
    "Evidence",
    "Fronts",
    "Groups",
    "Importances",
    "Interactions",
    "Learning",
    "Options",
    "Parameter",
    "Progress",
    "Replicates",
    "Row",
    "Sample",
    "Side",
    "Slice",
    "Summary",
    "Surrogate",
    "TopRegion",
    "Tunability",
    "analysed",
    "analysed_table",
    "associations",
    "branches",
    "chosen",
    "compared",
    "convergence",
    "cost",
    "coverage",
    "directions",
    "diverged",
    "elites",
    "evidence",
    "fronts",
    "groups",
    "importances",
    "interactions",
    "learning",
    "parameters",
    "progress",
    "replicates",
    "sample",
    "side",
    "side_of_table",
    "slices",
    "summary",
    "surrogate",
    "top_region",
    "tunability",
]
