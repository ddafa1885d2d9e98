"""Own the model card of a run: Markdown with the front matter of model hubs, written from files that were hashed."""

from zoo_core.reporting.card.card import Card, make_card

__all__ = ["Card", "make_card"]
