"""Image data sets, one file each: from the files of a data set to arrays."""
