"""Profiling: heatmaps, meta-training, few-shot jobs and audiences."""
