"""Materials, paint and colours of a face."""
