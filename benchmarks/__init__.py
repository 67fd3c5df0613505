"""Measured beside the peers, in one run: every program prints both sides and the ratio."""
