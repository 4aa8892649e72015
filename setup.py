"""What a wheel holds: the package, and the registry of experiments under a name of the project's own."""

from setuptools import find_packages, setup

setup(packages=[*find_packages(include=["unsup_jax*"]), "unsup_jax_experiments"], package_dir={"unsup_jax_experiments": "experiments"})
