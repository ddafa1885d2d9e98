"""Draw images of three colours, and list them in a CSV file beside them: python draw_example.py."""

import csv
from pathlib import Path

from PIL import Image

FOLDER = Path(__file__).parent / "example_images"
COLOURS = {"red": (200, 60, 60), "green": (60, 200, 60), "blue": (60, 60, 200)}
SIZE = (32, 32)
COUNT = 20


def draw(folder: Path = FOLDER, count: int = COUNT) -> Path:
    """Draw so many images of each colour, no two alike, and return the CSV file that lists them."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for label, colour in COLOURS.items():
        for number in range(count):
            shade = tuple(channel + 37 * number % 101 - 50 for channel in colour)
            name = f"{label}_{number}.png"
            Image.new("RGB", SIZE, (shade[0], shade[1], shade[2])).save(folder / name)
            rows.append((name, label))
    table = folder / "images.csv"
    with table.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("path", "label"))
        writer.writerows(rows)
    return table


if __name__ == "__main__":
    draw()
