#!/usr/bin/env python3
"""Serves one GGUF model with llama.cpp on loopback, for tests that need real tokens.

    python scripts/llm-server.py --model FILE.gguf [--port N]

Prints the server's base URL, ready for FLAKYDETECTOR_LLM_URL, as the only line on standard
output once it answers. Ends on SIGTERM or SIGINT, and when the process that started it is gone,
so that nothing is left behind. Needs the PyPI package xllamacpp.
"""

import argparse
import os
import pathlib
import signal
import sys
import threading


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="serve a GGUF model on 127.0.0.1")
    parser.add_argument("--model", required=True, type=pathlib.Path, help="the GGUF file")
    parser.add_argument("--port", type=int, default=0, help="port, 0 (the default) takes a free one")
    parser.add_argument("--context", type=int, default=4096, help="tokens of context for each request")
    parser.add_argument("--slots", type=int, default=2, help="requests served at the same time")
    parser.add_argument("--threads", type=int, default=max(1, (os.cpu_count() or 2) // 2))
    return parser.parse_args()


def main() -> int:
    args = arguments()
    parent = os.getppid()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if not args.model.is_file():
        print(f"llm-server: there is no model at {args.model}", file=sys.stderr)
        return 2
    try:
        import xllamacpp
    except ImportError:
        print("llm-server: xllamacpp is missing; install it with 'pip install xllamacpp'", file=sys.stderr)
        return 2

    params = xllamacpp.CommonParams()
    params.model.path = str(args.model)
    params.model_alias = {args.model.stem}
    params.hostnames = ["127.0.0.1"]
    params.port = args.port
    params.n_parallel = args.slots
    params.n_ctx = args.context * args.slots
    # Threads that spin for each other are what makes a busy machine crawl: half the cores do better.
    params.cpuparams.n_threads = args.threads
    params.cpuparams_batch.n_threads = args.threads
    params.ui = False
    params.verbosity = 0
    try:
        server = xllamacpp.Server(params)
    except Exception as error:  # the library raises plain RuntimeErrors, and exits for none of them
        print(f"llm-server: cannot serve {args.model}: {error}", file=sys.stderr)
        return 2

    print(f"{server.listening_address}/v1", flush=True)
    while not stop.wait(0.5) and os.getppid() == parent:
        pass
    sys.stdout.flush()
    # The library's own threads may hold a request in flight; leaving without its destructor is prompt.
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
