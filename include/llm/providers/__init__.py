"""All in which providers differ: how they are asked, how they refuse, what they bill at, and when their models end.

- `table.toml`, `table.py`: what is known before anything is asked
- `dialect.py`, `dialect_settings.py`: how a model is asked, and what a person may set of it
- `refusals.py`: what of a question is refused, by which a dialect is learned
- `error_body.py`, `how_others_say_it.py`, `provider_errors.py`: what they say, what it means, what it leads to
- `service_tier.py`, `model_end.py`: the tier that a call is billed at, and the day on which a model ends
"""
