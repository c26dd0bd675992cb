"""The reader's network: the MiniLM body over (question, passage), a span head and an answer head."""

from __future__ import annotations

import torch
from torch import nn
from transformers import AutoModel


class ReaderNetwork(nn.Module):  # type: ignore[misc] # torch is not typed for mypy
    """Scores, for each token, that the answer starts or ends there, and whether the passage answers.

    The first token stands for "no answer" in the span scores. The word embeddings are frozen and are
    not exported: at run time they are looked up in the table of the embedding model.
    """

    def __init__(self, folder: str, *, dropout: float) -> None:
        super().__init__()
        self.body = AutoModel.from_pretrained(
            folder,
            add_pooling_layer=False,
            hidden_dropout_prob=dropout,
            attention_probs_dropout_prob=dropout,
            local_files_only=True,
        )
        self.body.embeddings.word_embeddings.weight.requires_grad_(requires_grad=False)
        size = self.body.config.hidden_size
        self.span = nn.Linear(size, 2)
        self.pool = nn.Linear(size, size)
        self.answer = nn.Linear(size, 1)
        for layer in (self.span, self.pool, self.answer):
            nn.init.normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)

    def forward(
        self, embeddings: torch.Tensor, mask: torch.Tensor, types: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return (start, end, answer): scores (batch, length), (batch, length) and (batch,)."""
        states = self.body(inputs_embeds=embeddings, attention_mask=mask, token_type_ids=types).last_hidden_state
        return self.score(states)

    def score(self, states: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return (start, end, answer) from the states (batch, length, size) of the last layer."""
        start, end = self.span(states).unbind(-1)
        answer = self.answer(torch.tanh(self.pool(states[:, 0]))).squeeze(-1)
        return start, end, answer

    def embed(self, ids: torch.Tensor) -> torch.Tensor:
        """Look the word embeddings (batch, length, size) of ``ids`` up."""
        found: torch.Tensor = self.body.embeddings.word_embeddings(ids)
        return found
