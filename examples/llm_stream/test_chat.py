"""A stream is replayed in the pieces in which it came, without its pauses."""

import os

import pytest
from chat import Chat


@pytest.fixture
def chat():
    return Chat("http://api.example.test", os.environ.get("CHAT_API_KEY", "key-for-replay"))


@pytest.mark.cassette
def test_the_answer_comes_word_by_word(chat):
    words = list(chat.ask("Is anybody there?"))

    assert words == ["You ", "said: ", "Is ", "anybody ", "there? "]


@pytest.mark.cassette
def test_a_conversation(chat, cassette):
    """Both requests go to one URL; the second one holds the first answer."""
    assert "".join(chat.ask("Hello")) == "You said: Hello "
    assert "".join(chat.ask("Goodbye")) == "You said: Goodbye "

    first, second = cassette.interactions
    assert len(first.request.json()["messages"]) == 1
    assert [message["role"] for message in second.request.json()["messages"]] == [
        "user",
        "assistant",
        "user",
    ]


@pytest.mark.cassette
def test_a_stream_may_be_left_early(chat):
    answer = chat.ask("one two three four five six")

    assert next(answer) == "You "
    answer.close()
