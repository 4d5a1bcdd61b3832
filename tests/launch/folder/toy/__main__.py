"""``python -m toy``."""

from jaxhpo.launch import main
from toy.options import SMOKE, Options

if __name__ == "__main__":
    main("toy", Options, smoke=SMOKE)
