"""Gestures on configuration files: what reads, judges and rewrites them without serving anything."""
