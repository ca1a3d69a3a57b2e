"""What DNPM Face computes, without Blender."""
