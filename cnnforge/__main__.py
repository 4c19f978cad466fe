"""``python -m cnnforge`` is ``cnnforge``."""

from cnnforge.cli import main

if __name__ == "__main__":
    main()
