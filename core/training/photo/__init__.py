"""Training of the networks between a photo's texture and w+ (pix2pixHD, E_deg), on pictures of our own faces."""
