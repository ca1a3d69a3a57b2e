"""Training the speech decoder: voices with known phones, a coarticulation teacher, captures, losses, the trainer."""
