"""The rescoring network against the official one."""

import numpy as np
import pytest

import goldens
from posemark.codecs.pose_rescore import PoseRescore, features


@pytest.fixture(scope="module")
def golden():
    return goldens.arrays("dekr_rescore/golden.npz")


@pytest.fixture(scope="module")
def network():
    state = goldens.state_dict("dekr_rescore")
    return PoseRescore.from_state({name: tensor.numpy() for name, tensor in state.items()})


def test_features_of_the_official_code(golden):
    for case in goldens.cases(golden):
        ours = features(golden[f"{case}/poses"])
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours, golden[f"{case}/features"], rtol=0, atol=2e-5)


def test_outputs_and_scores_of_the_official_network(golden, network):
    for case in goldens.cases(golden):
        poses, before = golden[f"{case}/poses"], golden[f"{case}/scores_before"]
        trust = network.trust(poses)
        np.testing.assert_allclose(trust, golden[f"{case}/net_out"][:, 0], rtol=0, atol=2e-6)
        after = network.rescored(poses, before)
        np.testing.assert_allclose(after, golden[f"{case}/scores_after"], rtol=0, atol=2e-6)


def test_no_people_and_points_that_are_not_numbers(network):
    assert network.rescored(np.zeros((0, 17, 3)), np.zeros(0)).shape == (0,)
    people = np.full((1, 17, 3), np.nan)
    assert network.rescored(people, np.ones(1)).tolist() == [0]


def test_all_joints_on_one_point_count_as_a_torso_of_one_pixel(network):
    people = np.ones((1, 17, 3))
    assert features(people)[0, :57].tolist() == [0] * 57
    assert np.isfinite(network.trust(people)).all()


def test_its_arrays_are_those_that_it_was_built_from():
    state = {name: tensor.numpy() for name, tensor in goldens.state_dict("dekr_rescore").items()}
    found = PoseRescore.from_state(state).state()
    assert found.keys() == state.keys()
    assert all(found[name] is state[name] for name in state)
