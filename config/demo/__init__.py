"""The demo: a small shop with simulated people, real events and real messages."""
