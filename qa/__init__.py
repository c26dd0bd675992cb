"""qa: ask questions of your own documents, get cited sentences."""

__version__ = "0.1.0"
