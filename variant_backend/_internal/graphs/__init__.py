"""Whole dependency graphs of variants: alignment, lock files and mirrors."""
