"""An ingestion gateway: CloudEvents in over HTTP, packed, delivered to a cloud event bus."""

__version__ = "0.1.0"
