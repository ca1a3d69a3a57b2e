"""3DMM fitting: the bilinear model's identity, expression and camera from 2D landmarks."""
