"""Controls above a figure that choose what it shows; `course.js` applies the choice.

A drawing with choices holds, under "choices", a mapping of key to
    rows: the trials that every `curve` of the drawing shows
    data: changes of each trace, in their order
    layout: changes of the layout
each of them only where it changes something.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reports.html.markup import Html, tag


def choice_buttons(figure: str, label: str, names: Mapping[str, str]) -> Html:
    """One button for each key of `names`, the first one pressed; empty with fewer than two."""
    if len(names) < 2:
        return Html()
    first = next(iter(names))
    buttons = [
        tag(
            "button",
            name,
            type="button",
            class_="choice",
            aria_pressed="true" if key == first else "false",
            data_of=figure,
            data_choice=key,
        )
        for key, name in names.items()
    ]
    return tag("div", *buttons, class_="choices", role="group", aria_label=label)


def trial_choice(figure: str, front: Sequence[int], others: Sequence[int]) -> Html:
    """A list of trials to choose one from; trials chosen on the page come first once there are any."""
    groups = [
        tag("optgroup", *(tag("option", f"trial {number}", value=number) for number in numbers), label=label)
        for label, numbers in (("On the front", front), ("Others", others))
        if numbers
    ]
    return tag(
        "p",
        tag("label", "Shown: ", tag("select", *groups, data_of=figure, autocomplete="off")),
        class_="choices trial-choice",
    )


def copy_button(what: str, text: str = "") -> Html:
    """A button that copies `text`; `page.js` does it. what: for screen readers, "the config"."""
    return tag("button", "Copy", type="button", class_="copy", data_copy=text, aria_label=f"Copy {what}")
