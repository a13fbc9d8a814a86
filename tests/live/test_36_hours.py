"""36 hours of a live log whose files come on time, late, twice, corrected, cut short, broken or not at all."""

import pytest

from tests.live.world import World, hour_key


@pytest.mark.slow
def test_thin(tmp_path):
    world = World(tmp_path)
    world.open()
    from warehouse.landing.service_time import HOUR_MS

    start = world.now_ms
    import time

    for number in range(4):
        hour = hour_key(number)
        world.land("exposures", hour)
        world.land("external_clicks", hour)
        t = time.time()
        with world.at(start + (number + 1) * HOUR_MS + 10 * 60_000):
            world.tick("every_hour")
        with world.at(start + (number + 1) * HOUR_MS + 20 * 60_000):
            world.tick("late_files")
            world.tick("late_hours")
        if number == 23:
            with world.at(start + (number + 1) * HOUR_MS + 40 * 60_000):
                world.tick("every_night")
        print(hour, time.time() - t, world.ran[-2:], world.skipped[-3:])
    print(world.verdicts("landed"))
    print(world.verdicts("schema"))
    assert 0
