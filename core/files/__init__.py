"""Reading and writing files: one reader or writer a format; every writer goes through `writing.py`."""
