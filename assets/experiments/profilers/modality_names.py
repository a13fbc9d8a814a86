"""What the systems of the study of modalities are called."""

MODALITIES = "modality_"  #: what their names begin with
PURCHASES = f"{MODALITIES}purchases"  #: what other modalities, none and all are set against
EVERY = f"{MODALITIES}all"  #: what those without one modality are set against
WITHOUT = f"{MODALITIES}without_"
