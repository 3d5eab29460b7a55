"""One module a peer; each is run as `python -m workloads.<peer> WORKLOAD` in a fresh process from benchmarks/."""
