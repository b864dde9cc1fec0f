"""Secrets: the master key and passwords."""
