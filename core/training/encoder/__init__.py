"""Training E with G frozen (Eq. 5 to 7): from sliders, or from points of the coarse mesh."""
