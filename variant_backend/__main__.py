"""``python -m variant_backend`` is ``variant-backend``."""

from ._internal.scripts import variant_backend

if __name__ == "__main__":
    variant_backend()
