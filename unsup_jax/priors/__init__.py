"""Regularisers R(x) and their proximal maps (eq. 2)."""
