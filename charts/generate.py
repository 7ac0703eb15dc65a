"""``python -m charts.generate [--check]``: write the chart's generated files, or tell whether they are current."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from charts.chart_readme import readme_file
from charts.code_templates import code_templates
from charts.values_file import CHART, read_values
from charts.values_schema import schema_file


def main(arguments: Sequence[str] | None = None) -> int:
    """Write each file that differs, or with ``--check`` write none and return 1 if there is any."""
    parser = argparse.ArgumentParser(prog="python -m charts.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 if a file is stale")
    parser.add_argument("--chart", type=Path, default=CHART, help="folder of the chart")
    options = parser.parse_args(arguments)
    stale = stale_files(options.chart)
    for name, text in stale.items():
        if options.check:
            sys.stdout.write(f"{options.chart / name} is stale: run `make generate`\n")
        else:
            (options.chart / name).write_text(text, encoding="utf-8")
            sys.stdout.write(f"wrote {options.chart / name}\n")
    return 1 if stale and options.check else 0


def stale_files(chart: Path) -> dict[str, str]:
    """The files that are missing or not as they should be, with the text that they should have."""
    values = read_values((chart / "values.yaml").read_text(encoding="utf-8"))
    wanted = {
        "values.schema.json": schema_file(values),
        "README.md": readme_file(values),
        **{f"templates/{name}": text for name, text in code_templates().items()},
    }
    return {name: text for name, text in wanted.items() if _present(chart / name) != text}


def _present(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main())
