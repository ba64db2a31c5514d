"""Folders go into a store of documents, and stay in step with it."""

from llamabot.app.ingest.ingesting import aingest, ingest
from llamabot.app.ingest.report import IngestFailure, IngestProgress, IngestReport

__all__ = ["IngestFailure", "IngestProgress", "IngestReport", "aingest", "ingest"]
