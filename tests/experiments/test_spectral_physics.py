"""The films of the spectral experiment obey physics; their colours are those of the standards."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.spectral import physics
from experiments.spectral.colour_science import colour

SEED = 0
CYAN, MAGENTA, YELLOW, BLACK, ORANGE = range(5)


def films(*rows: tuple[int, float]) -> np.ndarray:
    """Films of one colorant each, (which, concentration)."""
    made = np.zeros((len(rows), 5))
    for row, (which, load) in zip(made, rows, strict=True):
        row[which] = load
    return made


def lab_of(*rows: tuple[int, float]) -> np.ndarray:
    return physics.colour_values(physics.reflectance(films(*rows)))


# -- optics ----------------------------------------------------------------------------------------


def test_a_film_without_colorants_looks_like_the_paper():
    bare = physics.reflectance(np.zeros((1, 5)))[0]
    paper = physics.surface(physics.substrate())
    assert np.all(np.abs(bare - paper) < 0.05)
    assert bare[10:].min() > 0.8
    L, _, _, C, _ = physics.colour_values(bare[None])[0]
    assert L > 90
    assert C < 5


def test_reflectances_are_those_of_something_that_emits_no_light():
    mixed = np.random.default_rng(SEED).uniform(0, 1, (200, 5))
    for thickness in (1e-4, 0.05, 5.0):
        found = physics.reflectance(mixed, thickness)
        assert found.min() > 0
        assert found.max() < 1


def test_more_black_is_darker_at_every_wavelength():
    ramp = physics.reflectance(films(*((BLACK, c) for c in np.linspace(0, 1, 11))))
    assert np.all(np.diff(ramp, axis=0) < 0)


def test_a_film_of_no_thickness_shows_what_is_below_and_a_thick_one_does_not():
    """Limits of Kubelka's formula: Rg, and 1 + K/S - sqrt((K/S)^2 + 2 K/S)."""
    absorbing, scattering = physics.absorption()[CYAN], physics.scattering()[CYAN]
    below = physics.substrate()
    np.testing.assert_allclose(physics.film(absorbing, scattering, below, 1e-9), below, atol=1e-6)
    ratio = absorbing / scattering
    endless = 1 + ratio - np.sqrt(ratio**2 + 2 * ratio)
    np.testing.assert_allclose(physics.film(absorbing, scattering, below, 50.0), endless, rtol=1e-9)


def test_two_films_upon_each_other_are_one_of_their_thickness():
    """The formula solves a differential equation, so films may be stacked."""
    absorbing, scattering = physics.absorption()[ORANGE], physics.scattering()[ORANGE]
    lower = physics.film(absorbing, scattering, physics.substrate(), 0.02)
    both = physics.film(absorbing, scattering, lower, 0.03)
    whole = physics.film(absorbing, scattering, physics.substrate(), 0.05)
    np.testing.assert_allclose(both, whole, rtol=1e-10)


def test_colorants_have_the_hues_that_they_are_named_after():
    hue = lab_of(*((which, 0.65) for which in range(5)))[:, 4]
    assert 180 < hue[CYAN] < 270
    assert 320 < hue[MAGENTA] < 360
    assert 85 < hue[YELLOW] < 110
    assert 35 < hue[ORANGE] < 75
    green, blue = (np.array([[c, m, y, 0, 0]]) for c, m, y in ((0.3, 0, 0.3), (0.3, 0.3, 0)))
    assert 120 < physics.colour_values(physics.reflectance(green))[0, 4] < 190
    assert 270 < physics.colour_values(physics.reflectance(blue))[0, 4] < 330


# -- colour ----------------------------------------------------------------------------------------


def test_a_perfect_white_is_100_0_0_and_black_is_0():
    white, grey, black = physics.colour_values(np.array([[1.0], [0.184], [0.0]]) * np.ones((1, 31)))
    np.testing.assert_allclose(white[:4], [100, 0, 0, 0], atol=1e-6)
    assert grey[0] == pytest.approx(50, abs=0.1)
    assert grey[3] == pytest.approx(0, abs=1e-6)
    assert black[0] == pytest.approx(0, abs=1e-6)


@pytest.mark.filterwarnings("ignore::colour.utilities.ColourRuntimeWarning")
def test_colours_are_those_that_the_package_finds_spectrum_by_spectrum():
    """An independent way through colour-science: a spectral distribution, ASTM E308, then CIELAB
    with the tabled white of D65, which differs from that of 10 nm data in the fourth digit."""
    samples = physics.measured(SEED)
    for i in (0, 20, 40, 83):
        spectrum = colour.SpectralDistribution(samples.reflectance[i], physics.WAVELENGTHS)
        xyz = colour.sd_to_XYZ(spectrum, illuminant=colour.SDS_ILLUMINANTS["D65"])
        np.testing.assert_allclose(samples.reflectance[i] @ physics.tristimulus_weights(), xyz)
        lab = colour.XYZ_to_Lab(xyz / 100)
        np.testing.assert_allclose(samples.colour[i, :3], lab, atol=0.02)


def test_chroma_and_hue_belong_to_a_and_b():
    _, a, b, C, h = physics.measured(SEED).colour.T
    assert np.all((h >= 0) & (h < 360))
    np.testing.assert_allclose(C * np.cos(np.radians(h)), a, atol=1e-9)
    np.testing.assert_allclose(C * np.sin(np.radians(h)), b, atol=1e-9)


# -- samples ---------------------------------------------------------------------------------------


def test_there_are_84_different_films_within_a_full_load():
    made = physics.design(SEED)
    assert made.shape == (84, 5)
    assert len(np.unique(made.round(9), axis=0)) == 84
    assert made.min() >= 0
    assert made.sum(axis=1).max() <= 1 + 1e-12


def test_everything_is_a_function_of_the_seed():
    one, again, other = (physics.measured(seed) for seed in (3, 3, 4))
    for a, b, c in zip(one, again, other, strict=True):
        np.testing.assert_array_equal(a, b)
        assert not np.array_equal(a, c)


def test_noise_is_that_of_an_instrument_not_of_another_sample():
    samples = physics.measured(SEED)
    true = physics.reflectance(samples.concentrations)
    assert 3e-4 < np.abs(samples.reflectance - true).mean() < 3e-3
    off = samples.colour[:, :3] - physics.colour_values(true)[:, :3]
    assert 0.05 < np.linalg.norm(off, axis=1).mean() < 0.6


def test_the_films_for_the_test_stay_out_whatever_the_split():
    samples = physics.measured(SEED)

    def names(part: physics.Samples) -> set[bytes]:
        return {row.tobytes() for row in part.reflectance}

    first, second = (physics.parted(samples, SEED, split, 14) for split in (0, 1))
    assert {k: len(v.colour) for k, v in first.items()} == {
        "train": 53,
        "validation": 14,
        "test": 17,
    }
    assert names(first["test"]) == names(second["test"])
    assert names(first["validation"]) != names(second["validation"])
    parts = [names(part) for part in first.values()]
    assert len(set.union(*parts)) == 84


def test_numbers_are_printed_in_full_whatever_the_colour_package_does():
    assert repr(float(np.float64(0.1) / 3)) == str(np.float64(0.1) / 3)
    assert np.get_printoptions()["legacy"] is False
