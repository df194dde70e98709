"""`make themes`: what customers say again and again, and what people decide about it.

make themes                                        the themes, those with most items first
make themes THEME=t_0123456789ab NAME="Late codes" gives it a name
make themes THEME=t_0123456789ab INTO=t_ba98...    merges it into another theme, which answers for it from then on
make themes THEME=t_0123456789ab STATUS=shipped    or active, declined, parked
"""

import getpass
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime

from include.errors import ConfigurationError, NightshiftError
from include.lake.paths import Lake, open_lake
from include.local.terminal import words
from include.settings import lake_uri
from include.text.clean import is_blank
from include.themes.state import Themes, read_themes, refresh, write_events
from include.themes.theme import STATUSES, Event, clean_name, resolve

# Nobody decides that a theme is not decided on.
DECIDED = tuple(status for status in STATUSES if status != "candidate")


def listing(themes: Themes) -> str:
    """A table for people: no theme that another one answers for, none without items."""
    shown = [theme for theme in themes.themes.values() if theme.into_theme_id is None and theme.items.total()]
    return words("themes.txt.j2", themes=sorted(shown, key=lambda theme: (-theme.items.total(), theme.theme_id)))


def decide(
    lake: Lake,
    theme_id: str,
    user: str,
    name: str | None = None,
    into: str | None = None,
    status: str | None = None,
) -> list[Event]:
    """Write down what a person has decided about a theme.

    Returns:
        The events, about the theme that answers for the one that was named.

    Raises:
        ConfigurationError: there is no such theme, or it cannot be done.
        RetryLater: the lake cannot be read or written.
    """
    themes = read_themes(lake)
    theme_id, by, at = _known(themes, theme_id), f"person:{user}", datetime.now(UTC)
    events = []
    if name is not None:
        if is_blank(name):
            raise ConfigurationError("NAME has nothing in it that people could read. Give the theme a name.")
        events.append(Event(theme_id, "renamed", by, at, name=clean_name(name)))
    if status is not None:
        if status not in DECIDED:
            raise ConfigurationError(f"STATUS={clean_name(status)!r} is none of {', '.join(DECIDED)}.")
        events.append(Event(theme_id, "status", by, at, status=status))
    if into is not None:
        target = _known(themes, into)
        if target == theme_id:
            raise ConfigurationError(f"{theme_id} is what answers for {into}. Name two themes that are apart.")
        events.append(Event(theme_id, "merged", by, at, into_theme_id=target))
    write_events(lake, events)
    refresh(lake)
    return events


def _known(themes: Themes, theme_id: str) -> str:
    if theme_id not in themes.themes:
        raise ConfigurationError(
            f"There is no theme {clean_name(theme_id)!r} in the lake. `make themes` lists those that there are."
        )
    return resolve(themes.themes, theme_id)


def main(environ: Mapping[str, str] = os.environ) -> int:
    """The command behind `make themes`; what is to be decided comes by the environment, as a shell would change it."""
    theme_id, name, into, status = (environ.get(key) or None for key in ("THEME", "NAME", "INTO", "STATUS"))
    if bool(theme_id) != bool(name or into or status):
        print("make themes: THEME=t_... goes with NAME, INTO or STATUS, and they with it.", file=sys.stderr)
        return 2
    try:
        lake = open_lake(lake_uri(environ))
        if theme_id:
            decide(lake, theme_id, getpass.getuser(), name, into, status)
        print(listing(read_themes(lake)), end="")
    except NightshiftError as error:
        print(f"make themes: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
