"""Broken: it raises an error on import that cannot even be printed."""


class SpeechlessError(Exception):
    def __str__(self):
        raise RuntimeError("no words")


raise SpeechlessError
