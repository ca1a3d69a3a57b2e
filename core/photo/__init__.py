"""A photo to a face: camera, fitting, and from pixels to detail."""
