"""The surface of pytest-recording and VCR.py: suites that use them run here as they are.

The rest of the package doesn't know this part; the plugin loads it as a plugin of its own.
"""
