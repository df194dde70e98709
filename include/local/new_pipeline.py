"""`make new-pipeline`: a new text source, ready to run on a small sample of its own.

make new-pipeline NAME=product_returns           texts from files
make new-pipeline NAME=product_returns SQL=1     texts from a SQL table, with a `query.sql`

It copies `include/local/pipeline_template/`, a tree like the project's own: what it makes is what stands there.
"""

import argparse
import keyword
import subprocess
import sys
from pathlib import Path

import jinja2

from include.errors import ConfigurationError, NightshiftError
from include.lake.columns import NAME
from include.local.terminal import words

PROJECT = Path(__file__).parents[2]
TEMPLATE = Path(__file__).with_name("pipeline_template")
# Only a source that is a table has them.
SQL_FILES = ("source.py", "query.sql")
# Takes the name's place in the paths of the template.
PLACE = "NAME"


def new_pipeline(name: str, *, sql: bool, project: Path = PROJECT) -> list[Path]:
    """Write the folder, the DAG file and the test of a new pipeline.

    Args:
        name: of the folder, the DAG and the lake's folders.
        sql: whether its texts come from a SQL table.
        project: root of the project.

    Returns:
        The files that were written, relative to the root.

    Raises:
        ConfigurationError: the name cannot be used, or is taken. Nothing is written then.
    """
    if not NAME.fullmatch(name) or keyword.iskeyword(name):
        raise ConfigurationError(
            f"NAME={name!r} cannot name a pipeline. Take lower-case letters, digits and underscores, a letter first, "
            "at most 40 of them, and no word of Python's own: make new-pipeline NAME=product_returns"
        )
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATE),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  it writes code and data, no web pages
    )
    values = {
        "name": name,
        "title": name.replace("_", " ").strip().capitalize(),
        "class_name": "".join(word.capitalize() for word in name.split("_")),
        "sql": sql,
    }
    texts = {
        Path(template.replace(PLACE, name).removesuffix(".j2")): environment.get_template(template).render(values)
        for template in environment.list_templates(extensions=["j2"])
        if sql or Path(template).stem not in SQL_FILES
    }
    folder = Path("include/pipelines", name)
    taken = [path for path in (folder, folder.with_suffix(".py"), *texts) if (project / path).exists()]
    if taken:
        raise ConfigurationError(f"NAME={name!r} is taken: there is {taken[0]} already. Take another name.")
    for path, text in texts.items():
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text(text, encoding="utf-8")
    _lay_out([project / path for path in texts if path.suffix == ".py"], project)
    return list(texts)


def _lay_out(files: list[Path], project: Path) -> None:
    """Where an import stands and where a line is broken depends on the name."""
    for command in (["check", "--select=I", "--fix"], ["format"]):
        subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--quiet", "--no-cache", *files],
            cwd=project,
            check=True,
            capture_output=True,
        )


def main() -> int:
    """The command behind `make new-pipeline`."""
    parser = argparse.ArgumentParser(prog="make new-pipeline", description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--sql", action="store_true", help="its texts come from a SQL table")
    arguments = parser.parse_args()
    try:
        for path in new_pipeline(arguments.name, sql=arguments.sql):
            print(f"wrote {path}")
    except NightshiftError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"\n{words('next_steps.txt.j2', name=arguments.name, sql=arguments.sql)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
