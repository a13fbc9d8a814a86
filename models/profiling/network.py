"""The profile network g (3.3): a CNN an image modality, an MLP for demographics, joined to one embedding.

A modality that a user lacks is a learned 'absent' vector, and the user is left out of that modality's batch
norm. In training, support and mini-batch go through g together, so batch norm sees both as one batch: a
support of nine alone would give poor moments. In evaluation it uses running moments, so a user's embedding
does not depend on who else is embedded.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.profiling.cnn import ImageCNN
from models.profiling.inputs import Encoding, ModalityBatch, ProfileBatch
from models.profiling.relation import Relation, make_relation
from models.profiling.scaling import DemographicScale
from models.profiling.settings import MetaProfileSettings, NetworkSettings


class ImageModality(nn.Module):
    """CNN → Flatten → dense, or 'absent': [B, modality_width]."""

    def __init__(self, channels: int, settings: NetworkSettings, with_activity: bool) -> None:
        super().__init__()
        self.cnn = ImageCNN(channels, settings.widths)
        self.with_activity = with_activity
        self.dense = nn.Linear(settings.widths[-1] + 2 * with_activity, settings.modality_width)
        self.absent = nn.Parameter(torch.zeros(settings.modality_width))

    def forward(self, batch: ModalityBatch, users: int) -> Tensor:
        """Features of B users, those without cells included."""
        out = self.absent.expand(users, -1)
        if len(batch.present) == 0:
            return out
        features = self.cnn(batch.cells)
        if self.with_activity:
            features = torch.cat([features, batch.activity], dim=1)
        return out.index_copy(0, batch.present, torch.relu(self.dense(features)))


class DemographicModality(nn.Module):
    """Embeddings of categories and standardised numbers → MLP, or 'absent': [B, demographic_width]."""

    def __init__(self, scale: DemographicScale, settings: NetworkSettings) -> None:
        super().__init__()
        width = settings.category_width
        self.embeddings = nn.ModuleList(nn.Embedding(len(values) + 1, width) for values in scale.categories)
        inputs = scale.numeric_inputs + width * len(scale.categories)
        self.mlp = nn.Sequential(
            nn.Linear(inputs, settings.demographic_width),
            nn.ReLU(),
            nn.Linear(settings.demographic_width, settings.demographic_width),
            nn.ReLU(),
        )
        self.absent = nn.Parameter(torch.zeros(settings.demographic_width))

    def forward(self, batch: ProfileBatch) -> Tensor:
        """Features of B users, those without any column included."""
        out = self.absent.expand(batch.users, -1)
        if len(batch.surveyed) == 0:
            return out
        parts = [batch.numeric, *(e(c) for e, c in zip(self.embeddings, batch.categorical.T, strict=True))]
        return out.index_copy(0, batch.surveyed, self.mlp(torch.cat(parts, dim=1)))


class ProfileNetwork(nn.Module):
    """g, and the similarity f that is trained with it."""

    def __init__(self, settings: MetaProfileSettings, encoding: Encoding, generator: torch.Generator) -> None:
        super().__init__()
        shape = settings.network
        self.images = nn.ModuleList(
            ImageModality(len(heat.channels), shape, encoding.normalise_users) for heat in encoding.heats
        )
        self.embedding_width = shape.embedding_width
        scale = encoding.demographics
        self.demographics = None if scale is None else DemographicModality(scale, shape)
        width = shape.modality_width * len(self.images)
        width += 0 if self.demographics is None else shape.demographic_width
        if width == 0:
            raise ValueError(
                "the training users have neither heatmap cells nor demographics: there is nothing to profile"
            )
        self.join = nn.Sequential(
            nn.Linear(width, shape.join_width), nn.ReLU(), nn.Linear(shape.join_width, shape.embedding_width)
        )
        self.relation: Relation = make_relation(settings.relation, shape.embedding_width)
        initialise(self, generator)

    def forward(self, batch: ProfileBatch) -> Tensor:
        """Embeddings float32 [B, embedding_width]."""
        parts = [
            image(modality, batch.users)
            for image, modality in zip(self.images, batch.modalities, strict=True)
        ]
        if self.demographics is not None:
            parts.append(self.demographics(batch))
        return self.join(torch.cat(parts, dim=1))


@torch.no_grad()
def initialise(module: nn.Module, generator: torch.Generator) -> None:
    """Draw all weights from `generator`: Glorot-uniform (Keras's, in which the paper's was written), small
    embeddings, zero biases.
    """
    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.Linear):
            outputs, inputs = part.weight.shape[:2]
            bound = (6.0 / ((outputs + inputs) * part.weight[0, 0].numel())) ** 0.5
            part.weight.uniform_(-bound, bound, generator=generator)
            if part.bias is not None:
                part.bias.zero_()
        elif isinstance(part, nn.Embedding):
            part.weight.normal_(0.0, 0.1, generator=generator)
