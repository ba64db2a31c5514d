"""Runs llama.cpp's OpenAI-compatible server with a model until standard input ends; prints its address."""

from __future__ import annotations

import os
import sys

os.environ["OMP_WAIT_POLICY"] = "passive"

import xllamacpp

parameters = xllamacpp.CommonParams()
parameters.model.path = sys.argv[1]
parameters.model_alias = {"smollm2"}
parameters.n_ctx = 1024
parameters.n_batch = parameters.n_ubatch = 32
parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
parameters.hostnames = ["127.0.0.1"]
parameters.port = 0
parameters.ui = False
parameters.warmup = False
parameters.verbosity = -1
server = xllamacpp.Server(parameters)
print(server.listening_address, flush=True)
sys.stdin.read()
