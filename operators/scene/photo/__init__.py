"""What a photo leaves on a face: camera, colours, points, offset of its code."""
