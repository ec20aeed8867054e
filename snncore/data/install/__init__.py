"""Getting a data set onto the disk: download, check, unpack."""
