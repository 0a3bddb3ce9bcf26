"""What joins the parts of the delivery chain: the work of its steps, the way of Flux to Gitea."""

from __future__ import annotations

from bakeryops.demo.chain.sources import ChainSources
from bakeryops.demo.chain.work import ChainWork

__all__ = ["ChainSources", "ChainWork"]
