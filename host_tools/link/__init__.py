"""The link: a device at the other end of a serial line, asked from here; see docs/link.md."""
