"""The publication that a packaged model asks to be cited by, for the method that trained it."""

_OVERVIEW = (
    "Akcakaya, Yaman, Chung and Ye: Unsupervised deep learning methods for biological image reconstruction and enhancement, IEEE Signal Process. "
    "Mag. 39(2), 28 (2022)", "https://arxiv.org/abs/2105.08040")
_OF = {
    "Noise2Noise": ("Lehtinen et al.: Noise2Noise, ICML 2018", "https://arxiv.org/abs/1803.04189"),
    "cryo-CARE": ("Buchholz et al.: Cryo-CARE, ISBI 2019", "https://arxiv.org/abs/1810.05420"),
    "Noise2Void": ("Krull, Buchholz and Jug: Noise2Void, CVPR 2019", "https://arxiv.org/abs/1811.10980"),
    "N2V2": ("Hoeck et al.: N2V2, ECCV 2022 workshops", "https://arxiv.org/abs/2211.08512"),
    "Noise2Self": ("Batson and Royer: Noise2Self, ICML 2019", "https://arxiv.org/abs/1901.11365"),
    "PN2V": ("Krull et al.: Probabilistic Noise2Void, Front. Comput. Sci. 2, 5 (2020)", "https://arxiv.org/abs/1906.00651"),
}


def citations(label: str) -> list[dict[str, str]]:
    """The entries of `cite` in an rdf.yaml, for the method of that label: its own paper where it is known here, and the overview."""
    return [{"text": text, "url": url} for text, url in ([_OF[label]] if label in _OF else []) + [_OVERVIEW]]
