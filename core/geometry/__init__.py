"""Meshes, normals, subdivision, UV maps and the rasteriser: what faces, detail and photos share."""
