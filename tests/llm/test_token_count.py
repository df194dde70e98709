"""How tokens are counted before anybody is asked."""

import pytest

from include.llm.token_count import APPROXIMATION, encoding_file, estimate_tokens, token_counter


def test_a_model_that_tiktoken_does_not_know_is_approximated() -> None:
    counter = token_counter("smollm2-135m-instruct")
    assert counter.name == APPROXIMATION
    assert counter.count("four byte word") == 4


def test_scripts_of_more_bytes_have_more_tokens() -> None:
    assert estimate_tokens("日本語") == 3


def test_without_the_file_of_its_encoding_a_known_model_is_approximated_and_nothing_is_fetched(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path_factory.mktemp("empty")))
    assert token_counter("gpt-4o-2024-08-06").name == APPROXIMATION


def test_the_file_is_looked_for_where_tiktoken_keeps_it() -> None:
    path = encoding_file("o200k_base", {"TIKTOKEN_CACHE_DIR": "/encodings"})
    assert str(path) == "/encodings/fb374d419588a4632f3f557e76b4b70aebbca790"
