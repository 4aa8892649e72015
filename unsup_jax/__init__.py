"""Unsupervised deep learning for biological image reconstruction and enhancement, in JAX.

`fit(method, arrays)` and `load(run)` are the door for programs and notebooks; they are imported when they are asked for.
"""

__version__ = "0.1.0"
__all__ = ["fit", "load"]


def __getattr__(name: str):
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from unsup_jax import fitted

    return getattr(fitted, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
