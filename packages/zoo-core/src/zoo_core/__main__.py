"""Let `python -m zoo_core` do what `zoo` does."""

from zoo_core.cli.main import main

if __name__ == "__main__":
    main()
