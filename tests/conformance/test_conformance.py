"""The engine against Luigi's own scheduler: the same calls at the same times, the same answers and memories."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from luigiviz.engine.rpc import METHODS
from tests.conformance.generator import STEP_MAKERS, make_plan, make_start
from tests.conformance.harness import MakeSide, Run
from tests.conformance.reference import FakeClock
from tests.conformance.shrinking import shrink
from tests.conformance.sides import EngineSide, RestartingSide, Side
from tests.conformance.steps import Call

pytestmark = pytest.mark.conformance

#: Calls of workers and people in each part; what the harness looks at in between is not counted.
PARTS = 10
CALLS_IN_A_PART = 10_000


@pytest.mark.parametrize("part", range(PARTS))
def test_the_engine_answers_as_luigi_does(part: int) -> None:
    _compare(f"part {part}", CALLS_IN_A_PART, EngineSide)


@pytest.mark.parametrize("part", range(4))
def test_an_engine_that_is_stopped_and_restored_all_the_time_answers_as_luigi_does(part: int) -> None:
    _compare(f"restarts {part}", 4_000, RestartingSide)


def _compare(name: str, least_calls: int, make_side: MakeSide) -> None:
    """Run plans until so many calls were made; a difference is told as the smallest plan that shows it."""
    calls, plans = 0, 0
    while calls < least_calls:
        plan = make_plan(f"{name}, plan {plans}")
        run = Run(plan, make_side)
        try:
            run.execute()
        except Exception:
            finding = shrink(plan, make_side)
            if finding is not None:
                pytest.fail(str(finding), pytrace=False)
            raise
        calls += run.calls
        plans += 1


class Comparison(RuleBasedStateMachine):
    """Both schedulers side by side; hypothesis decides what comes next, and makes a failing story short."""

    @initialize(random=st.randoms(use_true_random=False))
    def start(self, random: Random) -> None:
        self.taste, plan = make_start(random)
        self.run = Run(plan, EngineSide, thorough=True)
        self.run.__enter__()
        for step in plan.steps:
            self.run.take(step)

    @rule(maker=st.sampled_from(sorted(STEP_MAKERS)), random=st.randoms(use_true_random=False))
    def step(self, maker: str, random: Random) -> None:
        self.taste.random = random
        self.run.take(STEP_MAKERS[maker](self.taste))

    def teardown(self) -> None:
        if hasattr(self, "run"):
            self.run.__exit__(None, None, None)


ComparisonTest = Comparison.TestCase
ComparisonTest.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def test_the_plans_call_every_method_and_leave_little_out() -> None:
    methods: Counter[str] = Counter()
    left_out: Counter[str] = Counter()
    for number in range(120):
        run = Run(make_plan(f"part 0, plan {number}"), EngineSide)
        run.execute()
        methods.update(step.method for step in run.made if isinstance(step, Call))
        left_out += run.left_out
    assert set(methods) == set(METHODS)
    # What is left out is what Luigi raises on: see docs/differences.md.
    assert left_out.total() < methods.total() / 1000


class _ForgetfulSide(EngineSide):
    """An engine with a mistake: it takes each failure for half a second younger than it is."""

    def __init__(self, config: dict[str, Any], resources: dict[str, float], clock: FakeClock) -> None:
        super().__init__(config | {"retry_delay": config.get("retry_delay", 900.0) + 0.5}, resources, clock)


def test_a_small_mistake_of_the_engine_is_found_and_told_in_few_steps() -> None:
    def forgetful(config: dict[str, Any], resources: dict[str, float], clock: FakeClock) -> Side:
        return _ForgetfulSide(config, resources, clock)

    findings = (shrink(make_plan(f"part 0, plan {number}"), forgetful) for number in range(100))
    finding = next(finding for finding in findings if finding is not None)
    assert len(finding.plan.steps) <= 6
    assert "Plan(" in str(finding)
