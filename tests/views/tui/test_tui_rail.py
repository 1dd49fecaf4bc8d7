"""The rail tells the truth: places, paths, and which boxes are open."""

from collections.abc import Sequence
from itertools import pairwise

from tui_kit import LAYERS, Maker, exchanges, teahouse

from tracer.events import ExceptionHandled, MiddlewareExit, RunAsgiEnd
from tracer.events.log import Record
from tracer.model.playback import Scorer, score
from tracer.model.stage import Leg, Stop, rail_of
from tracer.model.trace import Trace
from tracer.views.tui.rail import TALL
from tracer.views.tui.standing import Standing, Standings
from tracer.views.tui.track import lay_out, track

RAIL = rail_of(LAYERS)


def stood(
    records: Sequence[Record], kind: str, nth: int = 0
) -> dict[str, Standing]:
    """How the boxes stand at the nth event of a kind."""
    trace = Trace()
    trace.feed(records)
    start = trace.start_of(1)
    assert start is not None
    story = trace.story(1)
    played = score(start, story)
    at = [i for i, record in enumerate(story) if record.kind == kind][nth]
    boxes = Standings(played, story).at(at)
    names = [box.name for box in played.rail]
    return dict(zip(names, boxes, strict=True))


def glyphs(boxes: dict[str, Standing]) -> str:
    return "".join(box.state.value for box in boxes.values())


def test_boxes_open_from_the_outside_in() -> None:
    records = exchanges()
    assert glyphs(stood(records, "middleware.enter")) == "✓✓✓……····"
    assert glyphs(stood(records, "endpoint.enter")) == "✓✓✓" + 6 * "…"


def test_middleware_are_open_while_the_response_leaves() -> None:
    boxes = stood(exchanges(), "response.start")
    assert glyphs(boxes) == "✓✓✓…………" + "…✓"


def test_they_close_from_the_inside_out_after_the_response() -> None:
    records = exchanges()
    assert glyphs(stood(records, "middleware.exit", 0)) == "✓✓✓………✓✓✓"
    assert glyphs(stood(records, "middleware.exit", 2)) == "✓✓✓…✓✓✓✓✓"
    assert glyphs(stood(records, "run_asgi.end")) == "✓✓✓✓✓✓✓✓✓"


def test_a_box_says_when_it_was_entered_and_left() -> None:
    box = stood(exchanges(), "run_asgi.end")["Timing"]
    assert box.entered is not None
    assert box.left is not None
    assert box.entered < box.left
    assert box.turn == 6


def test_an_exception_marks_the_boxes_it_leaves() -> None:
    make = Maker()
    make.start()
    make.accept(1)
    make.ask(1, 1, "/")
    make(MiddlewareExit, "ExceptionMiddleware", 2, "ValueError")
    make(ExceptionHandled, "ValueError", "Timing", "f", False)
    make(MiddlewareExit, "Timing", 1)
    make(RunAsgiEnd, "complete")
    boxes = stood(make.taken(), "run_asgi.end")
    assert boxes["ExceptionMiddleware"].state.value == "✗"
    assert boxes["Timing"].state.value == "✓"


def test_a_kept_connection_is_not_accepted_again() -> None:
    trace = Trace()
    trace.feed(exchanges(2))
    start, story = trace.start_of(2), trace.story(2)
    assert start is not None
    boxes = Standings(score(start, story), story).at(0)
    assert boxes[0].state.value == "–"


def test_going_back_gives_the_same_as_never_having_been_ahead() -> None:
    trace = Trace()
    trace.feed(exchanges())
    start, story = trace.start_of(1), trace.story(1)
    assert start is not None
    played = score(start, story)
    standings = Standings(played, story)
    fresh = [Standings(played, story).at(i) for i in range(len(story))]
    there = [standings.at(i) for i in range(len(story))]
    back = [standings.at(i) for i in reversed(range(len(story)))]
    assert there == fresh == back[::-1]


def test_standings_of_a_growing_story_are_those_of_the_whole() -> None:
    for number, records in stories():
        trace = Trace()
        grown: Standings | None = None
        for record in records:
            trace.feed([record])
            start, story = trace.start_of(number), trace.story(number)
            if start is None:
                continue
            played = score(start, story)
            grown = grown or Standings(played, story)
            grown.grow(played, story)
            last = len(story) - 1
            assert grown.at(last) == Standings(played, story).at(last)


def test_a_growing_score_is_the_score_of_the_whole() -> None:
    for number, records in stories():
        trace = Trace()
        scorer: Scorer | None = None
        for record in records:
            trace.feed([record])
            start, story = trace.start_of(number), trace.story(number)
            if start is not None:
                scorer = scorer or Scorer(start)
                assert scorer.score(story) == score(start, story)


def test_a_late_event_is_scored_in_its_place() -> None:
    records = exchanges()
    late = records.pop(20)
    trace = Trace()
    trace.feed(records)
    start = trace.start_of(1)
    assert start is not None
    scorer = Scorer(start)
    scorer.score(trace.story(1))
    trace.feed([late])
    story = trace.story(1)
    assert late in story[:-1]
    assert scorer.score(story) == score(start, story)


def stories() -> list[tuple[int, Sequence[Record]]]:
    """Requests and the records to feed: one made here, two real ones."""
    real = teahouse()
    return [(1, exchanges()), (3, real), (5, real)]


def test_names_are_whole_then_short_then_letters_then_folded() -> None:
    def labels(width: int) -> list[str]:
        return [slot.label for slot in lay_out(RAIL, width)]

    assert "ServerErrorMiddleware" in labels(160)
    assert "ServerError" in labels(118)
    assert "Ser" in labels(78)
    many = rail_of(tuple("abcdefghijkl"))
    slots = lay_out(many, 60)
    folded = [slot for slot in slots if slot.label.startswith("+")]
    assert [slot.label for slot in folded] == [f"+{len(folded[0].boxes)}"]


def test_the_token_turns_behind_the_last_box() -> None:
    rail = track(RAIL, 118, TALL)
    last = len(RAIL) - 1
    path = rail.path(Stop(last, Leg.OUT), Stop(last, Leg.BACK))
    assert path[0] == rail.cell(Stop(last, Leg.OUT))
    assert path[-1] == rail.cell(Stop(last, Leg.BACK))
    assert max(x for x, _ in path) == rail.turn
    for (x1, y1), (x2, y2) in pairwise(path):
        assert abs(x1 - x2) + abs(y1 - y2) == 1


def test_elsewhere_it_changes_lanes_inside_the_box() -> None:
    rail = track(RAIL, 118, TALL)
    path = rail.path(Stop(3, Leg.OUT), Stop(3, Leg.BACK))
    assert {x for x, _ in path} == {rail.cell(Stop(3, Leg.OUT))[0]}


def test_a_first_event_comes_in_from_the_left() -> None:
    rail = track(RAIL, 118, TALL)
    path = rail.path(None, Stop(0, Leg.OUT))
    assert path[0] == (0, rail.lanes[Leg.OUT])
