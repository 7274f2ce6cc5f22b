"""Pictures of how a training went: the loss round by round, as it grows or as it was released."""

from cleanroom.client.growing import Growing
from cleanroom.client.results import Result
from cleanroom.notebook.picture import PANEL, Picture, titled, verbatim, withheld


def course(result: Result) -> Picture:
    """A released curve."""
    return growing_curves(Growing.of(result.table), titled(result, result.output))


def growing_curves(growing: Growing, title: str) -> Picture:
    """What was told of a training so far: a panel for each metric, a line for each part."""
    metrics = list(dict.fromkeys(metric for _, metric, _ in growing.told)) or [""]
    picture = Picture(figsize=(PANEL[0] * len(metrics), PANEL[1]), layout="constrained")
    panels = picture.subplots(1, len(metrics), squeeze=False)[0]
    for axes, name in zip(panels, metrics, strict=True):
        for (_, metric, part), values in growing.told.items():
            if metric == name:
                rounds = sorted(values)
                axes.plot(rounds, [values[each] for each in rounds], marker=".", label=part)
        axes.set_xlabel("round")
        axes.set_title(name)
        if growing.told:
            axes.legend(loc="best", fontsize="small")
        else:
            withheld(axes)
    picture.suptitle(verbatim(title))
    return picture
