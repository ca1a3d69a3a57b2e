"""Sound and captures as keyframes of a face and its head."""
