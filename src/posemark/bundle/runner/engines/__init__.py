"""The engines that may run the networks of a bundle, one file for each."""
