"""Parts chosen by name on the command line: networks, noise models, priors, optimisers, instruments, sources."""

import operator

import flax.linen as nn
import pytest

import experiments
from experiments._choices import _parts, choose, words
from unsup_jax import core, data, modalities, networks, noise, priors
from unsup_jax.errors import InputError
from unsup_jax.methods.transport import LearntBlur
from unsup_jax.operators import UnknownAngles

N2V = experiments.load("n2v_tissue")


CHOICES = {
    "network": (["--method.network", "dncnn"], lambda e: e.method.network, networks.DnCNN()),
    "=": (["--method.network=ResNet"], lambda e: e.method.network, networks.ResNet()),
    "noise": (["--modality.noise", "poisson"], lambda e: e.modality.noise, noise.Poisson()),
    "two words": (["--modality.noise", "salt-and-pepper"], lambda e: e.modality.noise, noise.SaltAndPepper()),
    "optimiser": (["--method.optimizer", "lion"], lambda e: e.method.optimizer, core.Lion()),
    "instrument": (["--modality", "blurred"], lambda e: e.modality, modalities.Blurred()),
    "a part of a part": (
        ["--modality.noise", "gaussian", "--modality", "inpainting"], lambda e: e.modality, modalities.Inpainting(noise.Gaussian())),
    "source": (["--data.source", "phantoms"], lambda e: e.data.source, data.Phantoms()),
}


@pytest.mark.parametrize("arguments, part, wanted", CHOICES.values(), ids=CHOICES)
def test_a_name_puts_its_class_in_place(arguments, part, wanted):
    chosen, rest = choose(N2V, [*arguments, "--train.steps", "3"])
    assert part(chosen) == wanted and rest == ["--train.steps", "3"]


def test_priors_have_short_names():
    experiment = experiments.load("tv_deconvolution")
    for name, kind in (("tv", priors.TotalVariation), ("pnp", priors.PlugAndPlay), ("wavelet", priors.Wavelet)):
        assert choose(experiment, ["--method.prior", name])[0].method.prior == kind()
    nested, _ = choose(experiment, ["--method.prior", "RED", "--method.prior.denoiser", "bm3d-denoiser"])
    assert nested.method.prior == priors.RED(denoiser=priors.BM3DDenoiser())


def test_what_is_known_of_the_forward_map_is_chosen():
    chosen, _ = choose(experiments.load("otcyclegan_deconvolution"), ["--method.forward", "learnt-blur"])
    assert chosen.method.forward == LearntBlur()


def test_a_family_of_operators_is_chosen():
    chosen, rest = choose(experiments.load("ambientgan_projections"), ["--method.family", "unknown-angles"])
    assert chosen.method.family == UnknownAngles() and not rest
    assert choose(experiments.load("cryogan_blobs"), ["--method.family=own"])[0].method.family == core.Own()


def test_a_part_that_may_be_missing_is_left_out_by_none():
    chosen, rest = choose(experiments.load("otcyclegan_superresolution"), ["--analysis", "None", "--method.forward=known"])
    assert chosen.analysis is None and not rest
    assert "--analysis" in words(experiments.load("otcyclegan_superresolution"))
    with pytest.raises(InputError, match="no 'none'; accepted are Bernoulli"):
        choose(N2V, ["--modality.noise", "none"])


WRONG = {
    "unknown": (["--method.network", "dncn"], "no 'dncn'; accepted are UNet, DnCNN, .*did you mean DnCNN"),
    "missing": (["--modality.noise", "--train.steps"], "a name is missing; accepted are Bernoulli"),
    "last": (["--method.optimizer"], "a name is missing; accepted are Adam"),
    "of another kind": (["--modality.noise", "unet"], "no 'unet'; accepted are Bernoulli"),
}


@pytest.mark.parametrize("arguments, message", WRONG.values(), ids=WRONG)
def test_an_unknown_name_is_one_line_with_the_accepted_ones(arguments, message):
    with pytest.raises(InputError, match=message) as refused:
        choose(N2V, arguments)
    assert "\n" not in str(refused.value)


def test_the_fields_of_what_was_chosen_follow(capsys):
    from experiments.__main__ import main

    with pytest.raises(SystemExit):
        main(["run", "n2v_tissue", "--method.network", "dncnn", "--method.network.depth", "5", "--help"])
    said = capsys.readouterr().out
    assert "Number of 3-tap convolutions" in said and "--method.network.skip-first" not in said
    assert "--modality.noise" in said and "PoissonGaussian" in words(N2V)


def test_every_part_of_the_registry_can_be_named_or_is_the_only_one_of_its_kind():
    """A new network stands with those that it can be exchanged for, by its base class or in a row of `_ALIKE`."""
    alone = {"Autoencoder", "Folded", "Unrolled", "PartialUNet", "MapEncoder", "MapDecoder", "NullSpace", "Ladder", "Slicewise", "Upsampled", "Volume", "VolumeModes", "ScoreUNet"}
    for name, experiment in experiments.every():
        for path, kinds in _parts(experiment):
            value = operator.attrgetter(path)(experiment)
            if isinstance(value, (nn.Module, noise.NoiseModel, priors.Prior, core.Optimizer)):
                assert type(value) in kinds or type(value).__name__ in alone, f"{name}: {path}"
