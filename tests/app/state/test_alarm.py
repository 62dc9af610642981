from joblog.app.state.alarm import DISK, MONITORS, PAUSE, Alarm


def test_alarm_is_off_until_a_reason_holds_and_when_none_does_any_more():
    alarm = Alarm()
    assert not alarm.is_on

    alarm.note(PAUSE, holds=True)
    alarm.note(MONITORS, holds=True)
    alarm.note(PAUSE, holds=False)
    assert alarm.is_on
    assert alarm.has(MONITORS)
    assert not alarm.has(PAUSE)

    alarm.note(MONITORS, holds=False)
    assert not alarm.is_on


def test_reason_that_is_noted_twice_goes_at_once():
    alarm = Alarm()
    alarm.note(PAUSE, holds=True)
    alarm.note(PAUSE, holds=True)

    alarm.note(PAUSE, holds=False)

    assert not alarm.is_on


def test_what_the_disk_says_is_a_reason_while_there_is_any():
    alarm = Alarm()

    alarm.note_disk(b"No space left on device")
    assert alarm.has(DISK)
    assert alarm.disk_error == b"No space left on device"

    alarm.note_disk(None)
    assert not alarm.is_on
    assert alarm.disk_error is None
