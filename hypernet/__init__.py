"""The hypernetwork: from a photograph to the weights of a person's own verifier."""
