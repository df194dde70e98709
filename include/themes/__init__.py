"""Themes: what customers say again and again, across all pipelines, under ids that never change."""
