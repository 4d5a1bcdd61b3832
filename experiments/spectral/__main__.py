"""``python -m experiments.spectral``: the spectral search from the command line."""

from experiments.spectral.options import SMOKE, Options
from jaxhpo.launch import main

if __name__ == "__main__":
    main("experiments.spectral", Options, smoke=SMOKE)
