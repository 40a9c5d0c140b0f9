"""Hooks and notifications."""
