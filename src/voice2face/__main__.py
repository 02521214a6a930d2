"""`python -m voice2face`, as `torchrun -m voice2face` starts it on several processes."""

from voice2face.cli import start

if __name__ == "__main__":
    start()
