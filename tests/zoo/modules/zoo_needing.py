"""What a component names as its module; it needs a package that is not installed."""

import a_package_that_nobody_has


def score(params, truth, prediction):
    return a_package_that_nobody_has.score(truth, prediction)
