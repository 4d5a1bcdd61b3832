"""How many devices there are, up to eight, decides nothing; no program talks to another device."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from processes import environment

ROOT = Path(__file__).parents[2]
CODE = """
import json, sys
import jax
import numpy as np
from jaxhpo import Study
from jaxhpo.tasks import supervised

WORDS = ("all-reduce", "all-gather", "all-to-all", "collective-permute", "reduce-scatter")
found = {}
for count in map(int, sys.argv[1:]):
    given = dict(trials=32, sampler="random", scheduler="asha", width=2, batch=8, drivers=1)
    with Study(supervised.example(), devices=jax.devices()[:count], **given) as study:
        study.run()
        population, texts, used = study._populated(), [], set()
        for cohort in population.cohorts.values():
            program = cohort.program
            used |= program.ready
            last = max(program.ready, key=lambda device: device.id)  # it is the same on all
            tile = population._new_tile(program, last)
            inbox, gone = tile._inbox([]), tile._gone()
            limits = tile._limits([None] * program.width)
            arguments = (tile._key, tile._data, tile._held(), inbox, np.int32(1), gone, limits)
            texts.append(program.tick.jitted.lower(*arguments).compile().as_text())
        assert all("while" in text for text in texts)
        found[count] = {
            "digest": study.records.facts()["digest"],
            "devices": len(used),
            "collectives": [word for word in WORDS for text in texts if word in text],
        }
print(json.dumps(found))
"""


def on(host_devices: int, *counts: int) -> dict[str, dict]:
    done = subprocess.run(
        [sys.executable, "-c", CODE, *map(str, counts)],
        cwd=ROOT,
        env=environment(host_devices, PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_the_results_are_the_same_on_1_2_4_and_8_devices():
    alone, several = on(1, 1), on(8, 2, 4, 8)
    digests = {found["digest"] for found in (*alone.values(), *several.values())}
    assert len(digests) == 1
    # A device may come too late for the few trials there are, but not most of them.
    assert several["8"]["devices"] > 4
    assert several["2"]["devices"] == 2
    assert not any(found["collectives"] for found in (*alone.values(), *several.values()))
