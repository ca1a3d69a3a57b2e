"""Headless batches without Blender: the job's format, what an item's sliders are, and the ledger of finished items."""
