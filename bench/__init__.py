"""Measures what README and CHANGELOG claim; each module is one command."""
