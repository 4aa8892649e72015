"""Widgets of napari: the selected image denoised by what suits it, or reconstructed by a trained run, in new layers.

`denoised` and `reconstructed` are arrays in, layers out, and know nothing of napari; the widgets show their arguments and run them in a
thread of their own. The last two axes of a layer are Y and X, and of a run of volumes Z before them; others count images; RGB has its
channels last.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from unsup_jax.choose.denoise import choose, error_bars
from unsup_jax.errors import InputError
from unsup_jax.fitted import load

Layer = tuple[np.ndarray, dict[str, Any], str]


def denoised(array: np.ndarray, *, rgb: bool = False, minutes: float = 0.0, redraws: int = 8, name: str = "image", **shown: Any) -> list[Layer]:
    """The layers of an image or stack by what suits it: the estimate, and its standard error where there are `redraws`.

    `minutes` are those of a network that learns from the stack; `shown` is how napari shows both, such as their scale. Raises
    `InputError` on an array that is no image, and on one without noise.
    """
    images, back = _images(array, 2, rgb)
    choice = choose(images, minutes=minutes)
    made = choice.fitted.reconstruct(images)
    layers = [(back(made), {"name": f"{name}, {choice.candidates[0].label}", "metadata": {"unsup_jax": "\n".join(choice.words)}, **shown, "rgb": rgb}, "image")]
    if redraws:
        bars = back([error.mean(-1, keepdims=True) for error in error_bars(choice, images, redraws=redraws)], channels=False)
        layers.append((bars, {"name": f"{name}, standard error", "colormap": "magma", "visible": False, **shown}, "image"))
    return layers


def reconstructed(array: np.ndarray, run: str | Path, *, rgb: bool = False, name: str = "image", **shown: Any) -> list[Layer]:
    """The layer that a trained run makes of an image, a stack or a volume. Raises `InputError` on a folder of no finished run, and on an
    array that the run does not take."""
    fitted = load(run)
    images, back = _images(array, fitted.experiment.data.dimensions, rgb)
    return [(back(fitted.reconstruct(images)), {"name": f"{name}, {fitted.method.label}", **shown, "rgb": rgb}, "image")]


def _images(array, dimensions, rgb):
    """(images [*S, C], what makes an array like the given one of such)."""
    array = np.asarray(array)
    if array.ndim < dimensions + rgb or array.dtype.kind not in "uif":
        raise InputError(f"a layer of shape {array.shape} and type {array.dtype}; it takes real numbers in {dimensions} axes or more")
    channels = array.shape[-1:] if rgb else ()
    frame = array.shape[array.ndim - rgb - dimensions: array.ndim - rgb]
    images = list(np.asarray(array, np.float32).reshape(-1, *frame, *(channels or (1,))))

    def back(made, channels=True):
        whole = np.stack([np.asarray(one) for one in made])
        whole = whole.reshape(array.shape if channels else array.shape[: array.ndim - rgb])
        return np.clip(np.rint(whole), 0, 255).astype(np.uint8) if rgb and channels and array.dtype == np.uint8 else whole

    return images, back


def denoise():
    """The widget "Denoise"."""
    return _widget("denoise", lambda layer, shown, minutes, redraws: denoised(layer.data, minutes=minutes, redraws=redraws, **shown),
                   minutes=(float, 0.0), redraws=(int, 8))


def load_run():
    """The widget "Load run"."""
    return _widget("reconstruct", lambda layer, shown, run: reconstructed(layer.data, run, **shown), run=(Path, Path()))


def _widget(button: str, function: Callable[..., list[Layer]], **arguments: tuple[type, Any]):
    """A form of a layer and the arguments, (type, default) each, whose button runs the function in a thread and adds its layers."""
    import inspect

    from magicgui import magicgui
    from napari.layers import Image
    from napari.qt.threading import FunctionWorker, thread_worker
    from napari.types import LayerDataTuple

    def run(image: Image, **given):
        shown = {"name": image.name, "rgb": bool(image.rgb), "scale": image.scale, "translate": image.translate}
        worker = thread_worker(function)(image, shown, **given)
        worker.start()
        return worker

    fields = [inspect.Parameter("image", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Image)]
    fields += [inspect.Parameter(n, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind) for n, (kind, default) in arguments.items()]
    run.__signature__ = inspect.Signature(fields, return_annotation=FunctionWorker[list[LayerDataTuple]])
    options = {"run": {"mode": "d"}} if "run" in arguments else {"minutes": {"max": 600.0}, "redraws": {"min": 0}}
    return magicgui(run, call_button=button, **options)
