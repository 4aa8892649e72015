"""Unsupervised deep learning for biological image reconstruction and enhancement, in JAX."""
