"""Real measurements, where their data are at hand: figures that do not depend on a simulation of ours."""

import pytest
from benchmarks import real

pytestmark = pytest.mark.usefixtures("standard_promotion")


def figures(instrument, folder):
    return dict(instrument(folder))


def test_known_orientations_reproject(shared_data):
    found = figures(real.cryo_em, shared_data)
    assert found["RealSpaceProjection, least correlation"] > 0.999 and found["Projection, mean correlation"] > 0.99


def test_index_of_a_simulated_cell(shared_data):
    """Back-propagation recovers the index of the finite-difference simulation to a quarter of its contrast."""
    iterator = real.diffraction(shared_data)
    contrast, first = next(iterator)[1], next(iterator)[1]
    assert first < 0.25 * contrast


def test_slices_of_a_brain_are_separated(shared_data):
    found = figures(real.slices, shared_data)
    assert min(found.values()) > 35


@pytest.mark.slow
def test_compressed_sensing_of_a_brain(shared_data):
    """At or above the published comparison on the same k-space: 32.2, 30.2, 33.8 and 33.0 dB."""
    found = figures(real.parallel_mri, shared_data)
    for mask, published in {"1-D R4 + 24": 32.2, "1-D R6 + 24": 30.2, "Poisson R6": 33.8, "Poisson R8": 33.0}.items():
        assert found[f"{mask}, FISTA-wavelet, PSNR dB"] > published
        assert found[f"{mask}, FISTA-TV, PSNR dB"] > published
    assert found["1-D R2 + 24, GRAPPA, PSNR dB"] > found["1-D R2 + 24, zero-filled, PSNR dB"] + 10


@pytest.mark.slow
def test_deconvolution_tomography_and_ptychography(shared_data):
    bars = figures(real.deconvolution, shared_data)
    assert bars["bars, RichardsonLucy 500, PSNR dB"] > bars["bars, blurred, PSNR dB"] + 2
    tooth = figures(real.tomography, shared_data)
    assert tooth["30 views, FISTA-TV 0.01, PSNR dB against 180 views"] > tooth["30 views, FBP, PSNR dB against 180 views"] + 8
    smear = figures(real.ptychography, shared_data)
    assert smear["60 gradient steps, relative misfit"] < 0.6 * smear["guess, relative misfit"]
    cell = figures(real.cell, shared_data)
    assert 1.34 < cell["mean index inside"] < 1.38 and 10 < cell["diameter, um"] < 16
