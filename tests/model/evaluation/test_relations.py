"""What one object is to another, by where the judge of looks sees each."""

import math

import pytest
import torch

from model.evaluation.evaluate import JUDGES
from model.evaluation.judges import Judges
from model.evaluation.relations import FRAMES, check, holds
from model.training.pairs import FOLLOWING, ORBITING, RELATIONS


def still(x: float, y: float) -> torch.Tensor:
    return torch.tensor([x, y]).expand(1, FRAMES, 2)


def told(one: torch.Tensor, other: torch.Tensor) -> set[str]:
    every = torch.arange(len(RELATIONS))
    n = len(RELATIONS)
    true = holds(every, one.expand(n, -1, -1), other.expand(n, -1, -1))
    return {relation.phrases[0] for relation, yes in zip(RELATIONS, true.tolist(), strict=True) if yes}


def test_where_two_stand_says_what_one_is_to_the_other():
    assert told(still(0.2, 0.5), still(0.8, 0.5)) == {"to the left of"}
    assert told(still(0.8, 0.4), still(0.2, 0.5)) == {"to the right of"}
    assert told(still(0.5, 0.2), still(0.5, 0.8)) == {"above"}
    assert told(still(0.5, 0.8), still(0.5, 0.2)) == {"below"}
    assert told(still(0.45, 0.5), still(0.55, 0.45)) >= {"in front of", "behind"}


def test_who_goes_round_orbits_and_who_comes_after_follows():
    turn = torch.linspace(0, 2.5 * math.pi, FRAMES)
    circle = 0.5 + 0.3 * torch.stack([turn.cos(), turn.sin()], -1)[None]
    name = {number: RELATIONS[number].phrases[0] for number in (ORBITING, FOLLOWING)}

    assert name[ORBITING] in told(circle, still(0.5, 0.5))
    assert name[ORBITING] not in told(still(0.5, 0.5), circle)
    along = torch.stack([torch.linspace(0.1, 0.5, FRAMES), torch.full((FRAMES,), 0.5)], -1)[None]
    ahead = along + torch.tensor([0.3, 0.0])
    assert name[FOLLOWING] in told(along, ahead)
    assert name[FOLLOWING] not in told(ahead, along)
    assert name[FOLLOWING] not in told(still(0.2, 0.5), still(0.6, 0.5))


@pytest.mark.slow
def test_the_shipped_judges_see_relations_in_rendered_truth_and_not_those_that_are_none():
    judges = Judges.load(JUDGES)

    found = check(judges, list(judges.config.objects[::150]), 8)

    true = sum(share * count for share, _, count in found.values() if count)
    assert true >= 7
    exchanged = [
        (share, count)
        for name, (_, share, count) in found.items()
        if count and name not in ("in front of", "behind")
    ]
    assert sum(share * count for share, count in exchanged) <= 1
    assert sum(count for *_, count in found.values()) == 8


@pytest.mark.parametrize("relation", range(len(RELATIONS)), ids=[r.phrases[0] for r in RELATIONS])
def test_each_row_is_asked_its_own_relation(relation: int):
    asked = torch.tensor([relation, 0])
    both = torch.cat([still(0.2, 0.5), still(0.2, 0.5)])
    other = torch.cat([still(0.8, 0.5), still(0.8, 0.5)])

    assert holds(asked, both, other)[1]
    assert holds(asked, both, other)[0] == (relation == 0)
