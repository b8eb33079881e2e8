import time, trio, pytest
from tests.edge.recorder import Lab, until, is_alive
from regrow.testing import children
from regrow._specs.stop import Stop
from regrow._edge.local import LocalLauncher
from regrow._edge.tuning import Tuning

@pytest.mark.parametrize("guardian", ["auto", "none"])
@pytest.mark.parametrize("how", ["stop", "revoke", "leave"])
async def test_strays_that_may_go_on_end_with_a_stop(guardian, how):
    t=time.monotonic()
    async with LocalLauncher(tuning=Tuning(guardian=guardian)).open() as opened:
        lab = Lab(opened)
        life = await lab.launch(children.leaves(), strays=60)
        await life.wait_printed(b"member")
        await until(lambda: not is_alive(life.pid))
        await trio.sleep(0.3)
        if how == "stop":
            with trio.fail_after(5):
                await life.controls.stop(Stop(grace=1))
        elif how == "revoke":
            with trio.fail_after(5):
                await opened.revoke(life.key)
    assert time.monotonic()-t < 4
