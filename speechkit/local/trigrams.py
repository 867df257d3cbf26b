"""How English a text is: the trigram model of general American English in pocketsphinx's wheel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from speechkit.census import names
from speechkit.errors import ModelError

UNKNOWN: Final = -14.0  # log probability of a word that the model does not know
NAME: Final = -8.0  # and of a common name, which it seldom knows
ORDER: Final = 3


class Trigrams:
    """Log probabilities of word sequences."""

    def __init__(self) -> None:
        import pocketsphinx

        path = pocketsphinx.get_model_path("en-us/en-us.lm.bin")
        self._names = names()
        try:
            self._logs: Any = pocketsphinx.LogMath()
            self._model: Any = pocketsphinx.NGramModel(None, self._logs, path)
        except (RuntimeError, ValueError) as error:
            raise ModelError(
                f"the language model {path} cannot be opened: {error}. Install pocketsphinx again."
            ) from None

    def log_probability(self, words: Sequence[str]) -> float:
        """The natural logarithm of the probability of a sentence; words in lower case.

        >>> trigrams = Trigrams()
        >>> likely, unlikely = (["i", "would", "like"], ["eye", "wood", "like"])
        >>> trigrams.log_probability(likely) > trigrams.log_probability(unlikely)
        True
        """
        padded = ["<s>", *words, "</s>"]
        total = 0.0
        for end in range(2, len(padded) + 1):
            history = padded[
                max(0, end - ORDER) : end
            ]  # pocketsphinx wants the word first, then what is before it
            least = NAME if history[-1] in self._names else UNKNOWN
            total += max(least, self._logs.log_to_ln(self._model.prob(history[::-1])))
        return total
