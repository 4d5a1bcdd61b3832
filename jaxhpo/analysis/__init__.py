"""From a search space and a trial table to typed results: one file a question, nothing rendered.

The functions take what `jaxhpo.table.trials_table` makes, or any table of that form, and return
frozen results that say what they were computed from. `jaxhpo.report` renders them.
"""

from jaxhpo.analysis.association import Association, associations
from jaxhpo.analysis.learning import Learning, learning
from jaxhpo.analysis.options import Options
from jaxhpo.analysis.parameters import Parameter, parameters
from jaxhpo.analysis.progress import Progress, progress
from jaxhpo.analysis.slices import Slice, slices
from jaxhpo.analysis.study import Analysis, analysed
from jaxhpo.analysis.summary import Row, Summary, summary
from jaxhpo.analysis.top_region import TopRegion, top_region

__all__ = [
    "Analysis",
    "Association",
    "Learning",
    "Options",
    "Parameter",
    "Progress",
    "Row",
    "Slice",
    "Summary",
    "TopRegion",
    "analysed",
    "associations",
    "learning",
    "parameters",
    "progress",
    "slices",
    "summary",
    "top_region",
]
