"""IRIS Workstation: the desk of a teleradiology expert, from the worklist to the signed conclusion."""

__version__ = "0.1.0"
