"""From pixels to detail: UV texture to a rough map (pix2pixHD), rough map to w+ and back through G (Eq. 11)."""
