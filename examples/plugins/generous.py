import cfplug


def analyze(params, fitted, context):
    ratings = fitted.evidence.dataset.ratings.iloc[fitted.evidence.split.train]
    means = (
        ratings.groupby("user")["rating"].agg(["mean", "size"]).sort_values("mean", ascending=False)
    )
    rows = [(user, round(mean, 2), size) for user, mean, size in means.head(10).itertuples()]
    table = cfplug.Table("", ("user", "mean rating", "ratings"), rows)
    text = f"The ten most generous of {len(means):,} users."
    return cfplug.Section("Most generous users", text, tables=[table])


@cfplug.hookimpl
def cfplug_analyzers():
    return [
        cfplug.Analyzer(
            "generous", analyze=analyze, once=True, help="The users with the highest mean rating."
        )
    ]
