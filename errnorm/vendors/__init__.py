"""What is known of vendors: data, one pair of files each, and the two modules that know how to find and to check it."""
