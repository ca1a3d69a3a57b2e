"""Detail for heads of other programs: correspondence between the face model and any mesh with a human face."""
