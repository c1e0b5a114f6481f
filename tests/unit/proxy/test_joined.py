import asyncio

from qrmiddleware.proxy.joined import JoinedWrites


class Recorder(asyncio.Transport):
    def __init__(self):
        super().__init__()
        self.calls = []

    def write(self, data):
        self.calls.append(bytes(data))

    def close(self):
        self.calls.append("close")

    def abort(self):
        self.calls.append("abort")

    def is_closing(self):
        return "close" in self.calls

    def pause_reading(self):
        self.calls.append("pause")

    def resume_reading(self):
        self.calls.append("resume")


async def test_what_is_written_in_one_turn_leaves_in_one_piece():
    sent = Recorder()
    joined = JoinedWrites(sent, asyncio.get_running_loop())

    joined.write(b"head ")
    joined.writelines([b"and ", b"body"])
    at_once = list(sent.calls)
    await asyncio.sleep(0)
    joined.write(b"more")
    await asyncio.sleep(0)

    assert at_once == []
    assert sent.calls == [b"head and body", b"more"]


async def test_nothing_is_lost_by_closing():
    sent = Recorder()
    joined = JoinedWrites(sent, asyncio.get_running_loop())

    joined.write(b"last words")
    joined.close()
    await asyncio.sleep(0)

    assert sent.calls == [b"last words", "close"]
    assert joined.is_closing()


async def test_aborting_sends_nothing_more():
    sent = Recorder()
    joined = JoinedWrites(sent, asyncio.get_running_loop())

    joined.write(b"unsaid")
    joined.abort()
    await asyncio.sleep(0)

    assert sent.calls == ["abort"]


async def test_reading_is_the_transports_own():
    sent = Recorder()
    sent._extra = {"peername": ("127.0.0.1", 1)}
    joined = JoinedWrites(sent, asyncio.get_running_loop())

    joined.pause_reading()
    joined.resume_reading()

    assert sent.calls == ["pause", "resume"]
    assert joined.get_extra_info("peername") == ("127.0.0.1", 1)
    assert joined.get_extra_info("none", "nothing") == "nothing"
