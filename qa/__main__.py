"""Runs the command line: ``python -m qa``."""

from qa.start import main

if __name__ == "__main__":
    main()
