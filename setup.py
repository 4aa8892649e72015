"""What a wheel holds: the package, and the registry of experiments under a name of the project's own; and which version it is of.

A commit that is tagged v1.2.3 is version 1.2.3; the fifth one after it 1.2.4.dev5+gHASH. A source distribution says its own in PKG-INFO,
and where neither is known, as in a checkout without tags, it is `RELEASE` of the package.
"""

import re
import subprocess
from pathlib import Path

from setuptools import find_packages, setup


def version_of(folder: Path) -> str:
    """The version of the sources in a folder."""
    if (told := folder / "PKG-INFO").exists():
        return re.search(r"^Version: (.+)$", told.read_text(), re.M)[1]
    try:
        git = lambda *words: subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()
        own = Path(git("rev-parse", "--show-toplevel")).resolve() == folder.resolve()
        tag = re.fullmatch(r"v(\d+)\.(\d+)\.(\d+)-(\d+)-(g\w+)", git("describe", "--tags", "--long", "--match", "v[0-9]*")) if own else None
    except (OSError, subprocess.CalledProcessError):
        tag = None
    if tag is None:
        return re.search(r'^RELEASE = "(.+)"$', (folder / "unsup_jax" / "__init__.py").read_text(), re.M)[1]
    major, minor, patch, since = map(int, tag.groups()[:4])
    return f"{major}.{minor}.{patch + 1}.dev{since}+{tag[5]}" if since else f"{major}.{minor}.{patch}"


if __name__ == "__main__":
    setup(
        version=version_of(Path(__file__).parent), packages=[*find_packages(include=["unsup_jax*"]), "unsup_jax_experiments"],
        package_dir={"unsup_jax_experiments": "experiments"})
