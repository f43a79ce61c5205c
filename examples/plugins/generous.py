import cfplug


def analyze(params, fitted, context):
    ratings = fitted.evidence.dataset.ratings.iloc[fitted.evidence.split.train]
    means = (
        ratings.groupby("user")["rating"].agg(["mean", "size"]).sort_values("mean", ascending=False)
    )
    rows = [(user, round(mean, 2), size) for user, mean, size in means.head(10).itertuples()]
    told = f"{len(means):,} users; the most generous ten of them."
    return cfplug.Section(
        "Who gives most", told, tables=[cfplug.Table("", ("user", "mean rating", "ratings"), rows)]
    )


@cfplug.hookimpl
def cfplug_analyzers():
    return [
        cfplug.Analyzer(
            "generous", analyze=analyze, once=True, help="The users with the highest mean rating."
        )
    ]
