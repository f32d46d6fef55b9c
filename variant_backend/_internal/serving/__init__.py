"""Offer each machine its best wheels on a package index that every installer can read."""
