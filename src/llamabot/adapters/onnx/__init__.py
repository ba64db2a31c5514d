"""Embedding models in this process, through onnxruntime."""

from llamabot.adapters.onnx.embedding import OnnxEmbedding

__all__ = ["OnnxEmbedding"]
