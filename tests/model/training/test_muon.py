import torch
from torch import nn

from model.training.muon import Muon, orthogonal, wants_muon


def test_an_orthogonal_matrix_keeps_its_directions_and_loses_its_lengths() -> None:
    matrix = torch.randn(3, 40, 24, generator=torch.Generator().manual_seed(0))
    turned = orthogonal(matrix)

    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    lengths = (u.mT @ turned @ v.mT).diagonal(dim1=1, dim2=2)
    assert (lengths > 0.6).all()
    assert (lengths < 1.3).all()
    off = u.mT @ turned @ v.mT - torch.diag_embed(lengths)
    assert off.abs().max() < 1e-3


def test_matrices_that_go_together_move_as_they_would_alone() -> None:
    def moved(count: int) -> list[torch.Tensor]:
        torch.manual_seed(0)
        layers = [nn.Conv2d(4, 8, 3) for _ in range(2)]
        optimizers = (
            [Muon([layer.weight for layer in layers])] if count == 1 else [Muon([x.weight]) for x in layers]
        )
        sum(layer(torch.ones(1, 4, 8, 8)).square().sum() for layer in layers).backward()
        for optimizer in optimizers:
            optimizer.step()
        return [layer.weight.detach() for layer in layers]

    for together, alone in zip(moved(1), moved(2), strict=True):
        torch.testing.assert_close(together, alone)


def test_a_linear_problem_is_solved() -> None:
    torch.manual_seed(0)
    layer, goal = nn.Linear(16, 16, bias=False), torch.randn(16, 16)
    optimizer = Muon(layer.parameters(), lr=0.2, weight_decay=0.0)
    first = float((layer.weight.detach() - goal).square().mean())
    for step in range(200):
        optimizer.param_groups[0]["lr"] = 0.2 * (1 - step / 200)
        optimizer.zero_grad()
        (layer.weight - goal).square().mean().backward()
        optimizer.step()

    assert float((layer.weight.detach() - goal).square().mean()) < 0.01 * first


def test_ends_norms_and_conditioning_are_left_to_adamw() -> None:
    weight = nn.Parameter(torch.zeros(4, 4, 3, 3))

    assert wants_muon("encoder.0.blocks.0.res.conv_in.weight", weight)
    assert not wants_muon("stem.weight", weight)
    assert not wants_muon("head.weight", weight)
    assert not wants_muon("conditioner.noise.0.weight", weight)
    assert not wants_muon("encoder.0.blocks.0.res.film.project.weight", weight)
    assert not wants_muon("encoder.0.blocks.0.res.conv_in.bias", nn.Parameter(torch.zeros(4)))
