"""The surface of pytest-recording and VCR.py."""
