def test_it_adds():
    assert 1 + 1 == 2
