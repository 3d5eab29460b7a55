"""Predicts, from what is known at departure, whether a flight arrives late.

    python train.py flights/          # the directory that prepare.py wrote

Reads the files, drops cancelled flights, shuffles all rows anew each epoch and trains a small network with embeddings
for airline and airports. Every fifth day of a month is kept apart for validation.
"""

import argparse
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import nn

import millstream as ms

CATEGORIES = ("carrier", "origin", "dest")
KNOWN_AT_DEPARTURE = ("month", "day", "hour", "minute", "distance", "dep_delay", "time_hour", *CATEGORIES)

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def flights(path: str) -> ms.Dataset:
    """The flights that took place, with what is known at departure and whether they were late."""
    took_place = ms.col("arr_delay").is_not_null() & ms.col("dep_delay").is_not_null()
    rows = ms.read_parquet(path).filter(expr=took_place).with_column("late", ms.col("arr_delay") > 0)
    return rows.select_columns([*KNOWN_AT_DEPARTURE, "late"])


def vocabularies(rows: ms.Dataset) -> dict[str, np.ndarray]:
    """The sorted distinct values of each category."""
    seen: dict[str, set[str]] = {name: set() for name in CATEGORIES}
    for batch in rows.select_columns(list(CATEGORIES)).iter_batches(batch_size=65536):
        for name in CATEGORIES:
            seen[name].update(batch[name])
    return {name: np.array(sorted(values)) for name, values in seen.items()}


class Encoder:
    """Turns a batch of numpy columns into (numbers, category codes, labels)."""

    def __init__(self, categories: dict[str, np.ndarray]) -> None:
        self.categories = categories

    def __call__(self, batch: dict[str, np.ndarray]) -> Batch:
        weekday = (batch["time_hour"].astype("datetime64[D]").astype(np.int64) + 3) % 7
        day_share = (batch["hour"] * 60 + batch["minute"]) / 1440
        columns = (
            batch["dep_delay"] / 60,
            np.minimum(batch["dep_delay"], 60) / 60,
            batch["distance"] / 1000,
            np.sin(2 * np.pi * day_share),
            np.cos(2 * np.pi * day_share),
            np.sin(2 * np.pi * batch["month"] / 12),
            np.cos(2 * np.pi * batch["month"] / 12),
            weekday >= 5,
        )
        numbers = torch.from_numpy(np.stack(columns, axis=1).astype(np.float32))
        codes = [np.searchsorted(self.categories[name], batch[name].astype(str)) for name in CATEGORIES]
        return numbers, torch.from_numpy(np.stack(codes, axis=1)), torch.from_numpy(batch["late"].astype(np.float32))


class Network(nn.Module):
    def __init__(self, numbers: int, categories: list[int]) -> None:
        super().__init__()
        self.embeddings = nn.ModuleList([nn.Embedding(count, 8) for count in categories])
        self.layers = nn.Sequential(
            nn.Linear(numbers + 8 * len(categories), 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1)
        )

    def forward(self, numbers: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        embedded = [embedding(codes[:, index]) for index, embedding in enumerate(self.embeddings)]
        return self.layers(torch.cat([numbers, *embedded], dim=1)).squeeze(1)


def train_epoch(model: Network, optimizer: torch.optim.Optimizer, batches: Iterable[Batch]) -> float:
    """The mean loss."""
    loss_function = nn.BCEWithLogitsLoss()
    total, rows = 0.0, 0
    for numbers, codes, late in batches:
        optimizer.zero_grad()
        loss = loss_function(model(numbers, codes), late)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(late)
        rows += len(late)
    return total / rows


@torch.no_grad()
def score(model: Network, batches: Iterable[Batch]) -> tuple[float, float]:
    """Share of flights predicted right, and the share of the more frequent outcome."""
    right = late_count = rows = 0
    for numbers, codes, late in batches:
        right += int(((model(numbers, codes) > 0) == (late > 0)).sum())
        late_count += int(late.sum())
        rows += len(late)
    return right / rows, max(late_count, rows - late_count) / rows


def main() -> None:
    parser = argparse.ArgumentParser(description="Trains on the flights of prepare.py.")
    parser.add_argument("directory")
    parser.add_argument("--epochs", type=int, default=5)
    arguments = parser.parse_args()

    torch.manual_seed(0)
    rows = flights(arguments.directory)
    held_out = (ms.col("day") % 5) == 0
    training = rows.filter(expr=~held_out).random_shuffle(seed=ms.RandomSeedConfig(17, reseed_after_execution=True))
    validation = rows.filter(expr=held_out)

    categories = vocabularies(rows)
    encode = Encoder(categories)
    model = Network(numbers=8, categories=[len(categories[name]) for name in CATEGORIES])
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    options: dict[str, Any] = {"batch_size": 512, "collate_fn": encode}

    iterator = training.iterator()
    for epoch in range(arguments.epochs):
        loss = train_epoch(model, optimizer, iterator.iter_torch_batches(**options))
        print(f"epoch {epoch}: loss {loss:.4f}", flush=True)
    print(iterator.stats())

    right, majority = score(model, validation.iter_torch_batches(**options))
    print(f"validation: {right:.1%} right; always the more frequent outcome would be {majority:.1%}")
    if right <= majority:
        raise SystemExit("the model is no better than the majority")


if __name__ == "__main__":
    main()
