"""Augmentation of training images: whole batches at once, on their device."""
