"""Training the default detail model on the teacher: maps, principal components, encoder, then G and E together."""
