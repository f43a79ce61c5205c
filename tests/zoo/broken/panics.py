"""Broken: it raises a BaseException, as extensions in other languages do when they panic."""


class PanicException(BaseException):
    pass


raise PanicException("called unwrap on a None value")
