"""Self-supervised learning: labels made from the measurements themselves."""
