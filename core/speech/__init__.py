"""Speech to ARKit curves: sound in, a speech encoder, an autoregressive decoder, what an artist controls."""
