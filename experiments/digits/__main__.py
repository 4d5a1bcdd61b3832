"""``python -m experiments.digits``: the digits search from the command line."""

from experiments.digits.options import SMOKE, Options
from jaxhpo.launch import main

if __name__ == "__main__":
    main("experiments.digits", Options, smoke=SMOKE)
