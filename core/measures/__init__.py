"""How alike two maps are: metrics, relief, perceptual features, distance of distributions."""
