"""Event data sets, one file each: from recordings to streams of events."""
