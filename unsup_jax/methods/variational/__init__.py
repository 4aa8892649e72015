"""Variational autoencoders: the evidence lower bound, by three decoders, encoders and likelihoods, and by a ladder of latents."""
