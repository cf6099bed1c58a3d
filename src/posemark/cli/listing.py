"""`posemark list`: what can be run."""

from textwrap import fill

from posemark.cli import terminal


def list_entries() -> None:
    """Show every model and its letters in the suite `seed`.

    Example:

        posemark list
    """
    from rich.table import Table

    from posemark import cards
    from posemark.jobs.plan import SEED
    from posemark.models import all_models

    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("model", no_wrap=True)
    table.add_column("seed", justify="center")
    for title in ("Mparams", "GMACs", "AP*"):
        table.add_column(title, justify="right")
    table.add_column("code licence", no_wrap=True)
    for spec in all_models().values():
        published = spec.reported("detected" if spec.approach == "top-down" else "single")
        table.add_row(
            spec.name,
            " ".join(e.letter or "" for e in SEED if e.model == spec.name),
            f"{spec.parameters / 1e6:.2f}",
            f"{spec.macs / 1e9:.2f}",
            f"{published.ap * 100:.1f}" if published else "unknown",
            spec.licence,
        )
    names = fill(", ".join(cards.built_in()), 76, initial_indent="  ", subsequent_indent="  ")
    console = terminal.console()
    console.print(table)
    console.print(
        "\n* as published: COCO val2017, detected boxes or one scale, flip test (OpenPose\n"
        "  without). Not measured here.\n\n"
        "seed: the blog post's letters: detected and ground-truth boxes, or one scale and\n"
        "three. To run:\n"
        "  posemark run hrnet-w32-256x192     ground-truth boxes, formula weights\n"
        "  posemark run MODEL@detected        detected boxes\n"
        "  posemark run MODEL@multi           bottom-up at scales 0.5, 1 and 2\n"
        "  posemark run MODEL.TAG             trained weights (`posemark weights list`)\n"
        "  posemark run a b 'lite*'           letters, globs\n"
        "  posemark run seed                  the post's entries; `all`: every model\n"
        "  posemark run card.toml             an exported model (docs/add-a-model.md)\n"
        "  posemark run light                 exported models that PoseMark has cards of:\n"
        f"{names}",
        markup=False,
    )
