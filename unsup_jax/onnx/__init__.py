"""ONNX graphs as functions of JAX: evaluated node by node, jitted, vmapped and differentiated like any other function.

An evaluator in place of a call of onnxruntime: a denoiser of others then runs where JAX runs, has derivatives (RED's, a sampler's), and needs
nothing but the package `onnx`, which reads the file. Sizes are known where it is traced, so that all that computes shapes is plain numbers.
"""

from unsup_jax.onnx.graph import Graph, load

__all__ = ["Graph", "load"]
