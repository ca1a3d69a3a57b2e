"""A face as an object: making it, its identity, its slider values, repairs, duplicates."""
