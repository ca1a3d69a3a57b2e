"""The shipped networks made an artist's own, from 10 to 100 baked maps."""
