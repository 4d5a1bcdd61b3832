"""The study: the only loop, and the only place where sampler, population and records meet."""

from jaxhpo.study.rerun import Rerun
from jaxhpo.study.snapshot import Outcome, Snapshot, StudyFailed
from jaxhpo.study.study import Study

__all__ = ["Outcome", "Rerun", "Snapshot", "Study", "StudyFailed"]
