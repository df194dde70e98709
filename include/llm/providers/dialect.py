"""How a model wants to be asked: which parameters it takes, what they are called, and how it is held to a schema.

Known by the model's name and the endpoint's host (`providers/table.toml`), or set; then learned from what the endpoint
refuses: vendors add families faster than any table, and behind a gateway a name says nothing. What only spells the
same question differently (the name of the cap, a temperature that is refused anyway, keywords of the schema) may be
learned at any time and is no part of an answer's key. What changes the question (effort, room for thinking, structure,
further fields) is a part of it and is learned before a run is planned.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from include.llm.providers.dialect_settings import BOUNDS, CAPS, EFFORTS, GROUPS, STRUCTURES
from include.llm.providers.refusals import Refusal
from include.llm.providers.table import family_of, provider_at

# On top of the answer, for a model that thinks: tokens of thinking count into the cap. At the lowest effort an
# extraction takes up to 2,000.
THINKING_TOKENS = 4_000
# What a refusal is about, by the setting that says it.
_SETTINGS = {
    **dict.fromkeys(CAPS, "cap_name"),
    "temperature": "temperature",
    "reasoning_effort": "effort",
    "strict": "strict",
    **dict.fromkeys(("keywords", "schema"), "without"),
    **dict.fromkeys(("response_format", "tools", "the question"), "structure"),
}


@dataclass(frozen=True)
class Dialect:
    """How one model at one endpoint is asked.

    Args:
        cap_name: what the cap on an answer is called.
        temperature: whether it is sent.
        without: keywords that the schema is sent without.
        effort: `reasoning_effort`; None: not sent.
        thinking_tokens: room in the cap on top of the answer.
        strict: whether the schema is asked for with `strict`.
        refused: what the endpoint has refused so far, and is not tried again.
        structure: one of `STRUCTURES`.
        body: further fields of each request.
        fixed: what a person has set, and no refusal changes: names of fields.
    """

    cap_name: str = "max_tokens"
    temperature: bool = True
    without: tuple[str, ...] = ()
    effort: str | None = None
    thinking_tokens: int = 0
    strict: bool = True
    refused: tuple[str, ...] = ()
    structure: str = "json_schema"
    body: Mapping[str, Any] = field(default_factory=dict)
    fixed: tuple[str, ...] = ()

    def __str__(self) -> str:
        said = [] if self.structure == "json_schema" else [self.structure]
        said += [self.cap_name, "temperature 0" if self.temperature else "no temperature"]
        if self.effort:
            said.append(f"effort {self.effort}")
        if self.thinking_tokens:
            said.append(f"{self.thinking_tokens} tokens for thinking")
        if self.sends_schema and not self.strict:
            said.append("not strict")
        return ", ".join([*said, *(f"with {name}" for name in self.body)])

    @property
    def sends_schema(self) -> bool:
        """Whether the schema is a parameter; else it stands in the prompt."""
        return self.structure in ("json_schema", "tool")

    @property
    def meaning(self) -> dict[str, Any]:
        """What of it shapes an answer, and so is a part of the answer's key."""
        meaning: dict[str, Any] = {} if self.effort is None else {"reasoning_effort": self.effort}
        if self.sends_schema and not self.strict:
            meaning["strict"] = False
        if self.structure != "json_schema":
            meaning["structure"] = self.structure
        return {**meaning, "body": self.body} if self.body else meaning

    def learn(self, refusal: Refusal, *, spelling_only: bool = False) -> "Dialect | None":
        """The dialect that does without what was refused; None where there is none, or a person has set it.

        Args:
            spelling_only: the run is planned, and the meaning of its questions stays.
        """
        name = refusal.parameter
        if _SETTINGS[name] in self.fixed:
            return None
        if name in CAPS:
            other = CAPS[name == CAPS[0]]
            if name != self.cap_name or other in self.refused:
                return None
            return replace(self, cap_name=other, refused=(*self.refused, name))
        if name == "temperature" and self.temperature:
            # Who refuses a temperature usually thinks, and by default at a medium effort.
            is_known = self.effort is not None or self.thinking_tokens or "effort" in self.fixed
            return replace(self, temperature=False, effort=self.effort if spelling_only or is_known else "none")
        if name in ("keywords", "schema") and self.sends_schema and (fewer := self._fewer_keywords(refusal)):
            return fewer
        if spelling_only:
            return None
        if name == "reasoning_effort" and self.effort is not None:
            return self._other_effort(refusal.words)
        if name == "strict" and self.strict and self.sends_schema:
            return replace(self, strict=False)
        # Who refuses a `strict` that it was not sent wants one, and another behind the same address refuses it.
        return self._less_structure(refusal) if _SETTINGS[name] in ("structure", "without", "strict") else None

    def _fewer_keywords(self, refusal: Refusal) -> "Dialect | None":
        bounds = [keyword for group in BOUNDS for keyword in group]
        # Who names none may mean any that is checked here.
        more = refusal.keywords or [*bounds, *GROUPS[len(BOUNDS)]]
        # Some name one at a time: after the second time no bound is left to be named.
        more = [*more, *bounds] if set(self.without) & set(bounds) and set(more) & set(bounds) else more
        without = tuple(dict.fromkeys((*self.without, *more)))
        return None if set(without) == set(self.without) else replace(self, without=without)

    def _other_effort(self, words: str) -> "Dialect":
        refused = (*self.refused, f"effort {self.effort}")
        offered = re.findall(rf"\b({'|'.join(EFFORTS)})\b", words)
        effort = next((e for e in EFFORTS if e in offered and f"effort {e}" not in refused), None)
        room = 0 if effort == "none" else THINKING_TOKENS
        return replace(self, effort=effort, thinking_tokens=room, refused=refused)

    def _less_structure(self, refusal: Refusal) -> "Dialect | None":
        is_of_another = refusal.parameter == "tools" and self.structure != "tool"
        if "structure" in self.fixed or self.structure == "text" or is_of_another:
            return None
        lower = STRUCTURES[STRUCTURES.index(self.structure) + 1]
        if lower == "json_object" and refusal.parameter == "response_format" and not refusal.is_of_type_only:
            # The parameter itself is unknown.
            lower = "tool"
        return replace(self, structure=lower, strict=False, refused=(*self.refused, self.structure))


def first_dialect(model: str, base_url: str, settings: Mapping[str, Any] | None = None) -> Dialect:
    """The dialect to begin with: by the model's name and the endpoint's host, and what is set goes before both.

    Args:
        model: the provider's name of it.
        base_url: of the endpoint.
        settings: fields of the dialect, see `dialect_settings.py`.
    """
    family = family_of(model)
    known: dict[str, Any] = {"effort": family.effort, "temperature": family.temperature, "without": ()}
    known |= {**provider_at(base_url).dialect, **(settings or {})}
    thinks = known["effort"] != "none" if known["effort"] else family.effort is not None
    return Dialect(
        **{**known, "without": tuple(known["without"])},
        thinking_tokens=THINKING_TOKENS if thinks else 0,
        fixed=tuple(sorted(settings or ())),
    )


def takes_temperature(model: str) -> bool:
    """Whether a model of this name is asked with a temperature at first; a part of the answer's key."""
    return family_of(model).temperature
