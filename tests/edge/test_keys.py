"""Which incarnations may still start."""

from __future__ import annotations

from tests.edge.recorder import SLEEPS, Life

from regrow._edge.keys import Keys
from regrow._specs.protocol import Key, Refusal


def key(number, path="app/w", tree="t"):
    return Key(tree, path, number)


def test_a_number_is_used_once():
    keys = Keys()
    assert keys.claim(key(1))
    assert not keys.claim(key(1))
    assert keys.claim(key(2))
    assert not keys.claim(key(1))


def test_what_was_revoked_is_not_used_and_what_comes_later_is():
    keys = Keys()
    keys.revoke(key(3))
    keys.revoke(key(1))
    assert not keys.claim(key(3))
    assert keys.claim(key(4))


def test_paths_and_trees_do_not_share_their_numbers():
    keys = Keys()
    assert keys.claim(key(1))
    assert keys.claim(key(1, path="app/v"))
    assert keys.claim(key(1, tree="u"))


def test_memory_is_bounded_and_forgets_what_was_not_touched_for_longest():
    keys = Keys(remembered=2)
    for path in ("a", "b"):
        assert keys.claim(key(1, path))
    assert keys.claim(key(2, "a"))
    assert keys.claim(key(1, "c"))
    assert not keys.claim(key(2, "a"))
    assert not keys.claim(key(1, "c"))
    assert keys.claim(key(1, "b"))


async def test_a_launcher_refuses_a_key_that_was_used_or_revoked(lab):
    life = await lab.launch(SLEEPS)
    again = Life(life.key)
    await lab.start(again, SLEEPS)
    assert again.refusal.refusal is Refusal.REVOKED
    assert str(life.key) in again.refusal.why
    revoked = lab.life()
    await lab.opened.revoke(revoked.key)
    await lab.opened.revoke(revoked.key)
    await lab.start(revoked, SLEEPS)
    assert revoked.refusal.refusal is Refusal.REVOKED
