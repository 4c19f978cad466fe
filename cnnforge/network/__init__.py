"""Networks: building them, their weights, looking into their layers, and the probabilities they give."""
