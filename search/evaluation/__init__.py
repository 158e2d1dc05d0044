"""Measure how well saved questions are answered."""
