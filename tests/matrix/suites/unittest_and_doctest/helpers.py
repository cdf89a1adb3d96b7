"""Helpers.

>>> double(2)
4
"""


def double(number):
    return 2 * number
