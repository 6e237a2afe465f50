"""Conditions: what may be asked about a person, and its one translation into SQL."""
