"""The version of this package, which the manifest and both sides of the backend name."""

__version__ = "0.1.0"
