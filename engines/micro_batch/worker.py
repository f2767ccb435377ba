"""A worker process of this engine."""

from engines.runtime.worker import main

from .runner import run

if __name__ == "__main__":
    main(run)
