"""Speed and memory of operators, training steps and reconstructions, beside those of peers in the same run."""
