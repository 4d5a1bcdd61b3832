"""Coloured films, made and measured: five colorants in a clear binder on white paper.

A film scatters and absorbs light as Kubelka and Munk describe it; its surface reflects as
Saunderson says; an instrument of geometry 45:0 reads the reflectance at 31 wavelengths, with noise,
and derives colour from what it read. The optical constants are made up (smooth curves of the form
that real pigments have) and belong to no product. Everything random is a function of a seed.

Sources: P. Kubelka 1948, "New Contributions to the Optics of Intensely Light-Scattering Materials.
Part I", J. Opt. Soc. Am. 38, 448-457 (a film of finite thickness over a substrate); J. L.
Saunderson 1942, "Calculation of the Color of Pigmented Plastics", J. Opt. Soc. Am. 32, 727-736 (the
surface); ASTM E308 and E2022 (tristimulus values from 10 nm data), CIE 15 (CIELAB), both through
the package colour-science.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from experiments.spectral.colour_science import colour

Array = NDArray[Any]

WAVELENGTHS: Array = np.arange(400.0, 701.0, 10.0)
"""nm, [31]."""
COLORANTS = ("cyan", "magenta", "yellow", "black", "orange")
COLOUR_VALUES = ("L", "a", "b", "C", "h")
"""CIELAB lightness, red-green, yellow-blue; chroma; hue in degrees, [0, 360)."""

THICKNESS = 0.02  # mm, of the dry film
SAMPLES, TEST = 84, 17

_SURFACE = 0.04  # share of the light that is reflected before it enters the film (index 1.5)
_INSIDE = 0.60  # share of the diffuse light that the surface sends back into the film
_WEIGHING = 0.005  # relative standard deviation of a weighed concentration
_COATING = 0.01  # relative standard deviation of a film's thickness
_GAIN = 0.001  # relative standard deviation of the lamp, the same at all wavelengths
_READ = (0.0005, 0.001)  # standard deviation of a reading: the first plus the second times R
_DARKEST = 1e-4  # what the instrument reads at least


class Samples(NamedTuple):
    """What is known of n films.

    concentrations: float64 [n, 5], shares of the full load of each colorant, as intended.
    reflectance: float64 [n, 31], as read. colour: float64 [n, 5], `COLOUR_VALUES` of it.
    """

    concentrations: Array
    reflectance: Array
    colour: Array

    def rows(self, which: ArrayLike) -> Samples:
        """Some of the films."""
        return Samples(*(values[np.asarray(which)] for values in self))


# -- optics ----------------------------------------------------------------------------------------


def _band(centre: float, width: float) -> Array:
    """[31], a bell of height 1, `width` its standard deviation, nm."""
    return np.exp(-0.5 * ((WAVELENGTHS - centre) / width) ** 2)


def _edge(centre: float, width: float) -> Array:
    """[31], from 1 at short wavelengths to 0 at long ones, nm."""
    return 1.0 / (1.0 + np.exp((WAVELENGTHS - centre) / width))


def absorption() -> Array:
    """K of each colorant at full load, 1/mm, [5, 31]."""
    return np.stack(
        [
            52.0 * _band(635, 48) + 14.0 * _band(580, 30) + 9.0 * _band(395, 35),
            55.0 * _band(545, 32) + 18.0 * _band(510, 24) + 7.0 * _band(400, 30),
            48.0 * _edge(478, 13) + 0.3,
            38.0 + 6.0 * _edge(520, 90),
            50.0 * _edge(558, 15) + 10.0 * _band(440, 40) + 0.4,
        ]
    )


def scattering() -> Array:
    """S of each colorant at full load, 1/mm, [5, 31]; small particles scatter blue light more."""
    blue = (550.0 / WAVELENGTHS) ** 1.5
    return np.stack(
        [
            2.0 * blue,
            2.5 * blue,
            6.0 * blue * (1.0 - 0.5 * _edge(478, 25)),
            1.2 * np.ones_like(WAVELENGTHS),
            8.0 * blue * (1.0 - 0.5 * _edge(558, 25)),
        ]
    )


def binder() -> tuple[Array, Array]:
    """K and S of the film without colorants, 1/mm, [31] each: nearly clear, slightly yellow."""
    return 0.02 + 0.3 * _edge(420, 15), 0.5 * np.ones_like(WAVELENGTHS)


def substrate() -> Array:
    """Reflectance of the paper below the film, [31]."""
    return 0.955 - 0.05 * _edge(425, 12)


def film(absorbing: Array, scattering_: Array, below: Array, thickness: Array | float) -> Array:
    """Reflectance of a film in contact with what lies below it (Kubelka 1948).

    ``R = (1 - Rg (a - b coth(b S X))) / (a - Rg + b coth(b S X))`` with a = 1 + K / S and
    b = sqrt(a^2 - 1).

    Args:
        absorbing, scattering_: K and S, 1/mm, [..., 31]; S above 0.
        below: reflectance Rg of the substrate, [31].
        thickness: X, mm, a number or [..., 1].
    """
    a = 1.0 + absorbing / scattering_
    b = np.sqrt(a * a - 1.0)
    slope = b / np.tanh(b * scattering_ * thickness)
    return (1.0 - below * (a - slope)) / (a - below + slope)


def surface(inside: Array) -> Array:
    """What leaves the film through its surface, the mirror image of the lamp left out.

    Saunderson 1942, equation 1, without the term of the light reflected at once, which geometry
    45:0 does not see: ``(1 - k1) (1 - k2) R / (1 - k2 R)``.
    """
    return (1.0 - _SURFACE) * (1.0 - _INSIDE) * inside / (1.0 - _INSIDE * inside)


def reflectance(concentrations: ArrayLike, thickness: ArrayLike = THICKNESS) -> Array:
    """Reflectance without noise of films that hold the colorants, [n, 31].

    K and S of a film are those of its binder plus those of its colorants, each times its
    concentration (Duncan's law).

    Args:
        concentrations: [n, 5], at least 0. thickness: mm, a number or [n].
    """
    load = np.asarray(concentrations, float)
    clear, haze = binder()
    depth = np.broadcast_to(np.asarray(thickness, float), load.shape[:1])[:, None]
    return surface(
        film(load @ absorption() + clear, load @ scattering() + haze, substrate(), depth)
    )


# -- colour ----------------------------------------------------------------------------------------


def tristimulus_weights() -> Array:
    """[31, 3]: reflectances times these are X, Y, Z under D65 for the 2-degree observer, Y of a
    perfect white 100. Weights beyond 400 and 700 nm are given to the ends, as ASTM E308 says."""
    whole = colour.SpectralShape(360, 780, 10)
    lamp = colour.SDS_ILLUMINANTS["D65"].copy()
    lamp.interpolate(colour.SpectralShape(360, 780, 1), interpolator=colour.LinearInterpolator)
    observer = colour.MSDS_CMFS["CIE 1931 2 Degree Standard Observer"].copy()
    weights = colour.colorimetry.tristimulus_weighting_factors_ASTME2022(
        observer.trim(colour.SpectralShape(360, 780, 1)), lamp, whole
    )
    ours = colour.SpectralShape(WAVELENGTHS[0], WAVELENGTHS[-1], 10)
    return np.asarray(
        colour.colorimetry.adjust_tristimulus_weighting_factors_ASTME308(weights, whole, ours)
    )


def colour_values(spectra: ArrayLike) -> Array:
    """CIELAB of reflectance spectra under D65, [n, 5]: L, a, b, C, h (degrees, [0, 360)).

    The white is the perfect diffuser: a spectrum of ones has L 100, a 0, b 0.
    """
    weights = tristimulus_weights()
    white = colour.XYZ_to_xy(weights.sum(axis=0))
    lab = colour.XYZ_to_Lab(np.asarray(spectra, float) @ weights / 100.0, white)
    return np.concatenate([lab, colour.models.Jab_to_JCh(lab)[..., 1:]], axis=-1)


# -- samples ---------------------------------------------------------------------------------------


def design(seed: int) -> Array:
    """The concentrations that are made, [84, 5], no row above a full load in all.

    The bare binder; five steps of every colorant alone; every pair 3:1, 1:1 and 1:3; every three,
    every four and all five in equal parts; and 12 mixtures drawn at random by the seed.
    """
    unit = np.eye(len(COLORANTS))
    rows = [np.zeros(len(COLORANTS))]
    rows += [level * one for one in unit for level in (0.05, 0.15, 0.35, 0.65, 1.0)]
    for count, total in ((2, 0.6), (3, 0.75), (4, 0.8), (5, 0.9)):
        shares = [(3, 1), (1, 1), (1, 3)] if count == 2 else [(1,) * count]
        for which in combinations(range(len(COLORANTS)), count):
            rows += [total * np.asarray(s) / sum(s) @ unit[list(which)] for s in shares]
    place = np.random.default_rng([seed, 0])
    drawn = SAMPLES - len(rows)
    mixed = place.dirichlet(np.ones(len(COLORANTS)), drawn) * place.uniform(0.1, 1.0, (drawn, 1))
    return np.concatenate([np.stack(rows), mixed])


def measured(seed: int) -> Samples:
    """The 84 films of `design`, made with errors of weighing (0.5 %) and coating (1 %), and read
    with those of the lamp (0.1 %) and of every reading (0.0005 + 0.001 R)."""
    wanted = design(seed)
    place = np.random.default_rng([seed, 1])
    made = wanted * (1.0 + _WEIGHING * place.normal(size=wanted.shape))
    thickness = THICKNESS * (1.0 + _COATING * place.normal(size=len(wanted)))
    true = reflectance(made, thickness)
    read = true * (1.0 + _GAIN * place.normal(size=(len(wanted), 1)))
    read = read + (_READ[0] + _READ[1] * true) * place.normal(size=true.shape)
    read = np.clip(read, _DARKEST, 1.0)
    return Samples(wanted, read, colour_values(read))


def parted(samples: Samples, seed: int, split_seed: int, validation: int) -> dict[str, Samples]:
    """The films as "train", "validation" and "test".

    Args:
        samples: of `measured`. seed: chooses the 17 that are tested on; with the seed of the
            samples they are the same films whatever `split_seed` is.
        split_seed: chooses, among the other 67, those for validation. validation: how many.
    """
    order = np.random.default_rng([seed, 2]).permutation(len(samples.reflectance))
    rest = np.random.default_rng([split_seed, 3]).permutation(np.sort(order[TEST:]))
    return {
        "train": samples.rows(rest[validation:]),
        "validation": samples.rows(rest[:validation]),
        "test": samples.rows(order[:TEST]),
    }
