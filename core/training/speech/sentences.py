"""Sentences to be spoken: made from a small grammar, seeded; statements, questions, numbers, lists, short answers.

The words are common ones, chosen so that lips have much to do: bilabials, labiodentals and rounded vowels come more
often than in a book.
"""

from __future__ import annotations

import numpy as np

_PEOPLE = ("my mother", "Bob", "the baker", "Pam", "our boss", "a farmer", "the woman", "Philip", "my brother",
           "the whole family", "everybody", "the pilot", "Emma", "a few people", "the boy", "my wife")  # fmt: skip
_THINGS = ("the blue moon", "a big fish", "five apples", "the paper map", "a cup of coffee", "the window", "my shoes",
           "a movie", "the book", "warm bread", "the boat", "a very old piano", "some butter", "the purple flower",
           "a bowl of soup", "the best photo", "a wooden box", "fresh air", "the green valley", "a job")  # fmt: skip
_DID = ("bought", "moved", "found", "wrapped up", "looked for", "gave away", "brought back", "forgot", "put down",
        "saw", "made", "painted", "opened", "pushed", "loved", "threw away", "asked about", "showed me")  # fmt: skip
_DO = ("buy", "move", "find", "wrap up", "look for", "give away", "bring back", "forget", "put down", "see", "make",
       "paint", "open", "push", "love", "throw away", "ask about", "show me")  # fmt: skip
_WHEN = ("yesterday", "before breakfast", "in the afternoon", "a week ago", "on Monday evening", "at five past two",
         "every summer", "above the river", "with a smile", "for the first time", "without a word")  # fmt: skip
_WHY = ("because it was raining", "but nobody believed it", "and then went home", "if we remember it well",
        "although the weather was bad", "while the others were asleep", "so that we could move on")  # fmt: skip
_SHORT = ("Yes.", "No, maybe not.", "Oh, I see.", "Wow!", "Of course.", "Bye bye.", "Well, why not?", "Hmm, perhaps.",
          "Please stop.", "Thank you very much.", "Who knows?", "Come here!", "Just a moment.", "Pop.")  # fmt: skip
_ASK = ("Why did", "When did", "How did", "Where did", "Did", "Could", "Would", "Should")


def sentence(seed: int, number: int) -> str:
    """The sentence of that number: the same for the same seed."""
    rng = np.random.default_rng([seed, number, 7])
    pick = lambda words: words[int(rng.integers(len(words)))]  # noqa: E731
    kind = rng.random()
    if kind < 0.42:
        text = f"{pick(_PEOPLE)} {pick(_DID)} {pick(_THINGS)} {pick(_WHEN)}"
        return _capital(text + (f", {pick(_WHY)}." if rng.random() < 0.4 else "."))
    if kind < 0.62:
        return _capital(f"{pick(_ASK)} {pick(_PEOPLE)} {pick(_DO)} {pick(_THINGS)} {pick(_WHEN)}?")
    if kind < 0.78:
        return _numbers(rng, pick)
    if kind < 0.9:
        return _capital(f"{pick(_THINGS)}, {pick(_THINGS)}, {pick(_THINGS)} and {pick(_THINGS)}.")
    return f"{pick(_SHORT)} {pick(_SHORT)}"


def _numbers(rng: np.random.Generator, pick: object) -> str:
    n = [int(rng.integers(low, high)) for low, high in ((2, 99), (100, 9999), (1, 12), (10, 59), (1900, 2030))]
    assert callable(pick)
    return _capital(
        str(pick((
            f"there were {n[0]} people and {n[1]} boats.", f"it is {n[2]} {n[3]} now.", f"we moved here in {n[4]}.",
            f"{n[0]}, {n[3]}, {n[2]}, {n[1]}.", f"the number is {n[1]} point {n[0]}.",
            f"was it {n[0]} or {n[3]} percent?",
        )))
    )  # fmt: skip


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
