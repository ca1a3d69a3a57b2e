"""What the worker can do: kind of request -> function. Later issues add theirs here (speech, photo).

| kind | arrays in | params in | arrays out | params out |
|---|---|---|---|---|
| displacement | identity (n_id,), expression (n_exp,), optional w_offset (18, 512) | resolution (64 to 1024; None: full), truncation (1) | displacement (R, R) float32 mm, mask applied | |
| displacements | identity (B, n_id), expression (B, n_exp), optional w_offset (B, 18, 512) | the same | displacement (B, R, R) | |
| random | | seed, resolution, truncation | displacement (R, R) of G(z), w (512,) | |
| info | | | | python, torch, device, device_name, weights, face_model, memory_mb, peak_memory_mb |
"""
