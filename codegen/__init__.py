"""The compiler: from a network and its numbers to C, in pure steps on frozen data."""

__version__ = "0.1.0"
