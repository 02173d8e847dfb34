"""The kinds of error a user can meet.

A message has up to three sentences: what was wrong with which thing; what was expected and
what was received; what to do. The command line prints it without a traceback and exits with 2.
"""


class ImdlError(Exception):
    """Base of every error that this library raises on purpose."""


class ShapeError(ImdlError, ValueError):
    """A tensor or array has other axes, another type or another range than its name promises."""


class DataError(ImdlError):
    """A photo, mask, set or cache on disk is missing, damaged or not what it should be."""


class RegistryError(ImdlError, LookupError):
    """An id, profile or setting is not one of those that exist."""


class WeightsError(ImdlError):
    """Weights belong to another network, or are in a form that cannot be read safely."""
