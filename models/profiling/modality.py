"""What is known of a user, by kind: the names of the study that asks what each kind adds."""

from __future__ import annotations

from typing import Literal

#: `heatmap` is that of purchases; `labels` and `demographics` are the tables of these names
Modality = Literal["purchases", "heatmap", "points", "labels", "demographics"]
MODALITIES: tuple[Modality, ...] = ("purchases", "heatmap", "points", "labels", "demographics")
