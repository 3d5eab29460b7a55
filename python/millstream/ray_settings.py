"""Fields of ray.data's DataContext and their defaults there."""

from typing import Any

RAY_SETTINGS: dict[str, Any] = {"enable_progress_bars": True}
