"""The pure core: how people are scored. It reads no clock, no file and no network."""
