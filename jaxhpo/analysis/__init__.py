"""From a search space and a trial table to typed results: one file a question, nothing rendered.

The functions take what `jaxhpo.table.trials_table` makes, or any table of that form, and return
frozen results that say what they were computed from. `jaxhpo.report` renders them.
"""

from jaxhpo.analysis.association import Association, associations
from jaxhpo.analysis.branches import branches
from jaxhpo.analysis.chosen import Chosen, chosen
from jaxhpo.analysis.compare import Comparison, Side, compared, side, side_of_table
from jaxhpo.analysis.diverged import Diverged, diverged
from jaxhpo.analysis.importance import Importances, importances
from jaxhpo.analysis.learning import Learning, learning
from jaxhpo.analysis.options import Options
from jaxhpo.analysis.parameters import Parameter, parameters
from jaxhpo.analysis.progress import Progress, progress
from jaxhpo.analysis.result import Analysis
from jaxhpo.analysis.sample import sample
from jaxhpo.analysis.slices import Slice, slices
from jaxhpo.analysis.study import analysed, analysed_table
from jaxhpo.analysis.summary import Row, Summary, summary
from jaxhpo.analysis.surrogate import surrogate
from jaxhpo.analysis.top_region import TopRegion, top_region

__all__ = [
    "Analysis",
    "Association",
    "Chosen",
    "Comparison",
    "Diverged",
    "Importances",
    "Learning",
    "Options",
    "Parameter",
    "Progress",
    "Row",
    "Side",
    "Slice",
    "Summary",
    "TopRegion",
    "analysed",
    "analysed_table",
    "associations",
    "branches",
    "chosen",
    "compared",
    "diverged",
    "importances",
    "learning",
    "parameters",
    "progress",
    "sample",
    "side",
    "side_of_table",
    "slices",
    "summary",
    "surrogate",
    "top_region",
]
